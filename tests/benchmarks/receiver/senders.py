"""Senders that never give up, and remember what was answered with 200."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Iterator

from tests.benchmarks.receiver.webhooks import body, sign


class Senders:
    """Deliver many webhooks, each until it is answered with 200.

    :param port: of the receiver, on loopback.
    :param count: of the webhooks, each of another call.
    """

    def __init__(self, port: int, count: int, threads: int) -> None:
        self._port = port
        self._numbers: Iterator[int] = iter(range(count))
        self._lock = threading.Lock()
        self.acknowledged: set[str] = set()
        self.answers: dict[int, int] = {}
        self._threads = [threading.Thread(target=self._send_all, daemon=True) for _ in range(threads)]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def wait(self) -> None:
        """Wait until every webhook was answered with 200."""
        for thread in self._threads:
            thread.join()

    @property
    def done(self) -> int:
        """How many were answered with 200."""
        return len(self.acknowledged)

    def _send_all(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        while True:
            with self._lock:
                number = next(self._numbers, None)
            if number is None:
                connection.close()
                return
            call_id = f"call_{number:08}"
            content = body(call_id)
            headers = {"X-VoiceInfra-Signature": sign(content), "Content-Type": "application/json"}
            while True:
                try:
                    connection.request("POST", "/voiceinfra/webhook", content, headers)
                    answer = connection.getresponse()
                    answer.read()
                except (OSError, http.client.HTTPException):
                    connection.close()
                    time.sleep(0.02)
                    continue
                with self._lock:
                    self.answers[answer.status] = self.answers.get(answer.status, 0) + 1
                if answer.status == 200:
                    self.acknowledged.add(call_id)
                    break
                time.sleep(0.02)
