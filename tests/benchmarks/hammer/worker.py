"""A process that places calls, one after the other, until it is told to stop, or is killed."""

from __future__ import annotations

import contextlib
import logging
import random
import signal
from dataclasses import dataclass
from enum import Enum, auto
from multiprocessing.connection import Connection

from airflow_provider_voiceinfra.calls.account import Account
from airflow_provider_voiceinfra.calls.api import VoiceInfraApi
from airflow_provider_voiceinfra.calls.dialing import Dialer
from airflow_provider_voiceinfra.errors import CallNotSentError, CallRejectedError, CallUnknownError
from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.store.claims.resolutions import ResolutionError
from airflow_provider_voiceinfra.store.errors import StoreError
from airflow_provider_voiceinfra.store.models import CallState
from tests.benchmarks.hammer.asks import Ask, Plan, intent, patience
from tests.benchmarks.hammer.pace import RETRY, TIMEOUTS, quicken


class End(Enum):
    """How a try ended, as the task sees it."""

    PLACED = auto()
    REJECTED = auto()
    BEING_PLACED = auto()
    UNKNOWN = auto()
    NOT_SENT = auto()
    NO_STORE = auto()
    SURPRISE = auto()


FAILED = frozenset({End.NOT_SENT, End.NO_STORE})
"""Ends that Airflow retries."""
WAITS = frozenset({End.BEING_PLACED, End.UNKNOWN})
"""Ends after which the task waits until it is known what became of the call."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a try told its task.

    :param text: the ``call_id`` of a call that is placed, the ref of one that it waits for; else what it met.
    """

    ask: Ask
    end: End
    text: str = ""


def work(pipe: Connection, plan: Plan, account: Account, store_url: str) -> None:
    """Try what comes, and tell how it ended; returns when nothing comes any more."""
    be_a_part()
    worker = Worker(plan, account, CallStore(store_url))
    with contextlib.suppress(EOFError, ConnectionError):
        while True:
            pipe.send(worker.take(pipe.recv()))


def be_a_part() -> None:
    """Prepare a process of the hammer: Ctrl-C is for the one that started it, and nobody reads a log."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.disable()
    quicken()


class Worker:
    """Does what a task does, by the package's own means."""

    def __init__(self, plan: Plan, account: Account, store: CallStore) -> None:
        self._plan, self._account, self._store = plan, account, store
        self._dialer = Dialer(store, account, api=VoiceInfraApi(account, timeouts=TIMEOUTS), retry=RETRY)

    def take(self, ask: Ask) -> Told:
        """Try once."""
        random.seed(self._plan.chance("jitter", ask).random())
        try:
            self._resolve(ask)
            return Told(ask, *self._place(ask))
        except CallRejectedError:
            return Told(ask, End.REJECTED)
        except CallNotSentError:
            return Told(ask, End.NOT_SENT)
        except StoreError as error:
            return Told(ask, End.NO_STORE, str(error))
        except Exception as error:  # noqa: BLE001 - whatever else it is, a task would not know what to do
            return Told(ask, End.SURPRISE, f"{type(error).__name__}: {error}")

    def _resolve(self, ask: Ask) -> None:
        if ask.found is None:
            return
        # Where it is not unknown any more, there is nothing to resolve.
        with contextlib.suppress(ResolutionError):
            if ask.found.call_id is None:
                self._store.resolutions.not_placed(ask.found.ref, actor="hammer")
            else:
                self._store.resolutions.placed(ask.found.ref, ask.found.call_id, actor="hammer")

    def _place(self, ask: Ask) -> tuple[End, str]:
        try:
            call = self._dialer.place(intent(self._plan, self._account, ask), settle_wait=patience(self._plan, ask))
        except CallUnknownError as error:
            found = self._store.calls.get(str(error.ref))
            unknown = found is not None and found.state == CallState.UNKNOWN
            return (End.UNKNOWN if unknown else End.BEING_PLACED), str(error.ref)
        return End.PLACED, str(call.call_id)
