"""A process that places calls, one after the other, until it is told to stop, or is killed."""

from __future__ import annotations

import logging
import random
import signal
from dataclasses import dataclass
from enum import Enum, auto
from multiprocessing.connection import Connection

from airflow_provider_voiceinfra.calls.account import Account
from airflow_provider_voiceinfra.calls.api import VoiceInfraApi
from airflow_provider_voiceinfra.calls.dialing import Dialer
from airflow_provider_voiceinfra.calls.errors import CallNotSentError, CallRejectedError, CallUnknownError
from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.store.errors import StoreError
from tests.benchmarks.hammer.asks import Ask, Plan, intent, patience
from tests.benchmarks.hammer.pace import RETRY, TIMEOUTS, quicken


class End(Enum):
    """How a try ended, as the task sees it."""

    PLACED = auto()
    REJECTED = auto()
    UNKNOWN = auto()
    NOT_SENT = auto()
    NO_STORE = auto()
    SURPRISE = auto()


MAY_BE_TRIED_AGAIN = frozenset({End.NOT_SENT, End.NO_STORE})


@dataclass(frozen=True, slots=True)
class Told:
    """What a try told its task.

    :param text: the ``call_id`` of a call that is placed; of a surprise, what it was.
    """

    ask: Ask
    end: End
    text: str = ""


def work(pipe: Connection, plan: Plan, account: Account, store_url: str) -> None:
    """Try what comes, and tell how it ended; returns when nothing comes any more."""
    be_a_part()
    api = VoiceInfraApi(account, timeouts=TIMEOUTS)
    dialer = Dialer(CallStore(store_url), account, api=api, retry=RETRY)
    try:
        while True:
            ask: Ask = pipe.recv()
            random.seed(plan.chance("jitter", ask).random())
            pipe.send(_try(dialer, plan, account, ask))
    except (EOFError, ConnectionError):
        pass


def be_a_part() -> None:
    """Prepare a process of the hammer: Ctrl-C is for the one that started it, and nobody reads a log."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.disable()
    quicken()


def _try(dialer: Dialer, plan: Plan, account: Account, ask: Ask) -> Told:
    try:
        call = dialer.place(intent(plan, account, ask), settle_wait=patience(plan, ask))
    except CallRejectedError:
        return Told(ask, End.REJECTED)
    except CallUnknownError:
        return Told(ask, End.UNKNOWN)
    except CallNotSentError:
        return Told(ask, End.NOT_SENT)
    except StoreError as error:
        return Told(ask, End.NO_STORE, str(error))
    except Exception as error:  # noqa: BLE001 - whatever else it is, a task would not know what to do
        return Told(ask, End.SURPRISE, f"{type(error).__name__}: {error}")
    return Told(ask, End.PLACED, str(call.call_id))
