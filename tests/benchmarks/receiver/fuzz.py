"""Bad input: 100,000 generated requests, on raw sockets, many of them no HTTP at all.

``python -m tests.benchmarks.receiver.fuzz`` prints what was answered. There must be no 5xx, nothing in the store that
was not signed, nothing lost that was, and memory must stay flat.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import random
import socket
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import psutil
import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.store.inbox import quarantine
from airflow_provider_voiceinfra.store.inbox.delivery import Delivery
from tests.benchmarks.receiver.process import ReceiverProcess
from tests.benchmarks.receiver.webhooks import body, sign

PATHS = (
    *("/voiceinfra/webhook", "/voiceinfra/webhook/voiceinfra_default", "/voiceinfra/webhook/aws", "/voiceinfra/health"),
    *("/", "/voiceinfra/webhook/../..", "/%00", "//", "*"),
)
METHODS = ("POST",) * 4 + ("GET", "PUT", "HEAD", "OPTIONS", "DELETE", "PATCH", "PRI", "post", "\x00")
HEADERS = (
    *("Content-Length", "Transfer-Encoding", "Host", "Expect", "Content-Encoding", "X-VoiceInfra-Signature"),
    *("Connection", "Upgrade", "X" * 300),
)
VALUES = (
    *("", "0", "-1", "1e9", "9" * 20, "chunked", "chunked, gzip", "100-continue", "close", "websocket"),
    *("sha256=", "\xff\xfe", "a" * 9_000, "0x10"),
)
FIELDS = (
    *("event", "call_id", "call_outcome", "to_number", "agent_id", "start_time", "duration_seconds"),
    *("recording_url", "transcript", "extracted_data"),
)
SCALARS = (
    *(None, True, False, 0, -1, 1.5, 1e308, 10**30, "", "\ud800", "\x00", "🙂", "x" * 300),
    *("call.completed", "2026-11-23T10:00:00Z", "9999-12-31T23:59:59-23:59"),
)
BODIES = (
    *(b"", b"[" * 5_000, b'{"a":' * 2_000, b"\xef\xbb\xbf{}", "{}".encode("utf-16"), b"1" * 6_000, b"NaN"),
    b'{"call_id": "c", "call_outcome": "\\ud800"}',
)


@dataclass(slots=True)
class Result:
    """What came of the requests.

    :param answers: how often each status was answered; 0 where the connection was closed without one.
    :param taken: the bodies that were signed and answered with 200.
    :param foreign: bodies in the store that nobody signed.
    :param missing: bodies that were taken, and are not in the store.
    :param megabytes: of memory, after a fifth of the requests and after all.
    """

    answers: Counter[int] = field(default_factory=Counter)
    taken: set[bytes] = field(default_factory=set)
    foreign: int = 0
    missing: int = 0
    megabytes: tuple[float, float] = (0.0, 0.0)


class Fuzzer:
    """Makes requests of all kinds.

    :param seed: the same seed, the same requests.
    """

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)

    def request(self) -> tuple[bytes, bytes, bool]:
        """Make one.

        :return: what to send, the body that it was made of, and whether all of it is sent.
        """
        kind, content = self._chance.random(), self._content()
        signature = sign(content)
        if kind < 0.25:
            return _whole(content, signature), content, True
        if kind < 0.4:
            wrong = self._chance.choice(("", "0" * 64, signature[:-1], sign(content + b" "), "ä"))
            return _whole(content, wrong), b"", True
        if kind < 0.7:
            return self._mutated(_whole(content, signature)), content, False
        if kind < 0.95:
            return self._odd(content), b"", False
        return self._chance.randbytes(self._chance.randrange(400)), b"", False

    def _content(self) -> bytes:
        chance = self._chance
        kind = chance.random()
        if kind < 0.3:
            return body(f"call_{chance.randrange(10**9)}")
        if kind < 0.8:
            said = {name: self._value(3) for name in chance.sample(FIELDS, chance.randrange(len(FIELDS)))}
            return json.dumps(said).encode()
        if kind < 0.9:
            return chance.randbytes(chance.randrange(3_000))
        return chance.choice(
            (b"", b"[" * 5_000, b'{"a":' * 2_000, b"\xef\xbb\xbf{}", "{}".encode("utf-16"), b"1" * 6_000, b"NaN")
        )

    def _value(self, depth: int) -> object:
        chance = self._chance
        if depth and chance.random() < 0.2:
            return {str(key): self._value(depth - 1) for key in range(chance.randrange(4))}
        if depth and chance.random() < 0.2:
            return [self._value(depth - 1) for _ in range(chance.randrange(4))]
        return chance.choice(SCALARS)

    def _mutated(self, request: bytes) -> bytes:
        changed = bytearray(request)
        for _ in range(self._chance.randrange(1, 6)):
            at = self._chance.randrange(len(changed))
            what = self._chance.random()
            if what < 0.5:
                changed[at] = self._chance.randrange(256)
            elif what < 0.75:
                del changed[at : at + self._chance.randrange(1, 40)]
            else:
                changed[at:at] = self._chance.randbytes(self._chance.randrange(1, 40))
            if not changed:
                break
        return bytes(changed)

    def _odd(self, content: bytes) -> bytes:
        chance = self._chance
        version = chance.choice(("1.1", "1.1", "1.0", "2.0", "9"))
        lines = [f"{chance.choice(METHODS)} {chance.choice(PATHS)} HTTP/{version}"]
        lines += [f"{chance.choice(HEADERS)}: {chance.choice(VALUES)}" for _ in range(chance.randrange(6))]
        if chance.random() < 0.5:
            lines.append(f"Content-Length: {len(content) + chance.randrange(-3, 4)}")
        return "\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n" + content


def _whole(content: bytes, signature: str) -> bytes:
    head = (
        "POST /voiceinfra/webhook HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        f"X-VoiceInfra-Signature: {signature}\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    return head.encode("utf-8") + content


def send(port: int, request: bytes, *, whole: bool) -> int:
    """Send bytes; gives the status that was answered, or 0."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        with contextlib.suppress(OSError):
            connection.sendall(request)
            if not whole:
                # Else the receiver would wait for the rest.
                connection.shutdown(socket.SHUT_WR)
        answer = b""
        while len(answer) < 12 and (more := connection.recv(4_096)):
            answer += more
        if answer[:5] == b"HTTP/":
            return int(answer[9:12])
    return 0


def run(url: str, home: Path, *, count: int, seed: int = 1) -> Result:
    """Send requests to a receiver and look what it made of them."""
    CallStore(url).migrate()
    receiver = ReceiverProcess(home, url)
    receiver.start()
    assert receiver.process is not None
    memory = psutil.Process(receiver.process.pid).memory_info
    fuzzer, result, signed, before = Fuzzer(seed), Result(), set[bytes](), 0.0
    for number in range(count):
        request, content, whole = fuzzer.request()
        status = send(receiver.port, request, whole=whole)
        result.answers[status] += 1
        signed.add(hashlib.sha256(content).digest())
        if whole and status == 200:
            result.taken.add(content)
        if number == count // 5:
            before = memory().rss / 2**20
    result.megabytes = (before, memory().rss / 2**20)
    receiver.stop()
    _compare(CallStore(url), signed, result)
    return result


def _compare(store: CallStore, signed: set[bytes], result: Result) -> None:
    """Look for bodies that nobody signed, and for signed ones that are not there."""
    columns = schema.quarantine.c
    with store.database.read() as tx:
        kept = set(tx.scalars(sa.select(schema.completion.c.digest)))
        strange = dict(map(tuple, tx.execute(sa.select(columns.digest, columns.body))))
    store.close()
    result.foreign = len((kept | {hashlib.sha256(body).digest() for body in strange.values()}) - signed)
    taken = (Delivery.read("voiceinfra_default", datetime.now(UTC), body) for body in result.taken)
    lost = [each for each in taken if each.digest not in kept and quarantine.digest_of(each) not in strange]
    # The quarantine is bounded, and what says the same is kept once.
    result.missing = 0 if len(strange) >= quarantine.LIMIT else len(lost)


def main() -> None:
    print(f"{'requests':>10}{'seconds':>9}{'taken':>8}{'lost':>6}{'stored unsigned':>17}{'memory (MB)':>16}   answers")
    with tempfile.TemporaryDirectory() as folder:
        begun = time.monotonic()
        found = run(f"sqlite:///{folder}/voiceinfra.db", Path(folder), count=100_000)
        memory = "{:.0f} → {:.0f}".format(*found.megabytes)
        print(
            f"{found.answers.total():>10,}{time.monotonic() - begun:>9.0f}{len(found.taken):>8,}{found.missing:>6}"
            f"{found.foreign:>17}{memory:>16}   {dict(sorted(found.answers.items()))}"
        )


if __name__ == "__main__":
    main()
