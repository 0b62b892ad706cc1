"""The other side of the calls: the sandbox that takes them, and the receiver of its webhooks."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext

import uvicorn

from airflow_provider_voiceinfra.sandbox import Dial, Sandbox
from airflow_provider_voiceinfra.sandbox.scenarios import Notice
from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.webhook.app import Receiver, create_app
from airflow_provider_voiceinfra.webhook.secrets import WebhookSecrets
from tests.benchmarks.hammer.asks import MARKER, Plan
from tests.benchmarks.hammer.pace import LATE_WEBHOOK, SLOW_ANSWER
from tests.benchmarks.hammer.worker import be_a_part

_SECRET = "hammer-secret"
_CALL_SECONDS = (0.02, 0.5)
_DELIVERY_SECONDS = 120.0


class SandboxProcess:
    """The simulated VoiceInfra, in a process of its own."""

    def __init__(self, context: ForkServerContext, plan: Plan, webhook_url: str) -> None:
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_run_sandbox, args=(theirs, plan.agents, webhook_url), daemon=True)
        self._process.start()
        theirs.close()
        self.url: str = self._pipe.recv()

    def call_ids(self, number: int) -> list[str]:
        """Look in the call log for the calls of an intent."""
        self._pipe.send(number)
        found: list[str] = self._pipe.recv()
        return found

    def delivered(self) -> list[Dial]:
        """Wait until all webhooks are taken; gives the accepted calls.

        :raises TimeoutError: if some are not.
        """
        self._pipe.send(None)
        answer = self._pipe.recv()
        if isinstance(answer, str):
            raise TimeoutError(answer)
        return answer

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.join()


def _run_sandbox(pipe: Connection, agents: list[str], webhook_url: str) -> None:
    be_a_part()
    sandbox = Sandbox(
        agents=agents,
        webhook_url=webhook_url,
        secret=_SECRET,
        delay=_CALL_SECONDS,
        slow_answer=SLOW_ANSWER,
        late=LATE_WEBHOOK,
        retry_after=0,
    )
    with sandbox, contextlib.suppress(EOFError):
        pipe.send(sandbox.url)
        while (number := pipe.recv()) is not None:
            pipe.send([dial.call_id for dial in sandbox.dials if (dial.variables or {})[MARKER] == number])
        webhooks = sum(_WEBHOOKS.get(dial.scenario.notice, 1) for dial in sandbox.dials)
        try:
            sandbox.wait_for_deliveries(webhooks, _DELIVERY_SECONDS)
        except TimeoutError as error:
            pipe.send(str(error))
        else:
            pipe.send(sandbox.dials)
        pipe.recv()


_WEBHOOKS = {Notice.NEVER: 0, Notice.TWICE: 2, Notice.CONTRADICTED: 2}


class ReceiverProcess:
    """The receiver under uvicorn; may be killed and started again, always on the same port."""

    def __init__(self, context: ForkServerContext, store_url: str) -> None:
        self._context, self._store_url = context, store_url
        # Bound, so that nobody takes the port in the meantime, and not listening: while it is dead, it is refused.
        self._reserved = _bound(0)
        self._port: int = self._reserved.getsockname()[1]
        self.start()

    @property
    def url(self) -> str:
        """Where webhooks go."""
        return f"http://127.0.0.1:{self._port}/webhook"

    def start(self) -> None:
        """Start it; returns before it listens."""
        self._pipe, theirs = self._context.Pipe()
        arguments = (theirs, self._port, self._store_url)
        self._process = self._context.Process(target=_run_receiver, args=arguments, daemon=True)
        self._process.start()
        theirs.close()

    def kill(self) -> None:
        """Kill it, whatever it does."""
        self._process.kill()
        self._process.join()

    def close(self) -> None:
        """End it for good."""
        self.kill()
        self._reserved.close()


def _run_receiver(pipe: Connection, port: int, store_url: str) -> None:
    be_a_part()
    threading.Thread(target=_end_with_parent, args=(pipe,), daemon=True).start()
    app = create_app(Receiver(CallStore(store_url), WebhookSecrets(lambda _: [_SECRET])))
    with _bound(port) as listener:
        listener.listen(128)
        uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off")).run(sockets=[listener])


def _end_with_parent(pipe: Connection) -> None:
    with contextlib.suppress(EOFError):
        pipe.recv()
    os._exit(0)


def _bound(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.bind(("127.0.0.1", port))
    return listener
