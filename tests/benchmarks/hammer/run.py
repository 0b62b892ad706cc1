"""The hammer: everything is started, struck, waited for and judged, and everything ends."""

from __future__ import annotations

import multiprocessing
import time
from contextlib import closing
from dataclasses import dataclass
from multiprocessing.context import ForkServerContext

from airflow_provider_voiceinfra.calls.account import Account
from airflow_provider_voiceinfra.sandbox.server import FROM_NUMBERS
from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.store.records import CallState
from tests.benchmarks.hammer.asks import Plan
from tests.benchmarks.hammer.crew import Crew, Worker
from tests.benchmarks.hammer.judge import Fate, Judgement, judge
from tests.benchmarks.hammer.pace import LIFETIME
from tests.benchmarks.hammer.services import ReceiverProcess, SandboxProcess
from tests.benchmarks.hammer.worker import work

_PARTS = ["tests.benchmarks.hammer.worker", "tests.benchmarks.hammer.services", "phonenumbers"]
_RECEIVER_KILLS = 6


@dataclass(frozen=True, slots=True)
class Result:
    """What came out.

    :param seconds: in which all asks came to their end.
    :param tries: that came to their end; those of killed workers did not.
    """

    plan: Plan
    judgement: Judgement
    seconds: float
    tries: int
    killed: int
    stopped: int
    receiver_killed: int

    @property
    def row(self) -> list[int]:
        """The numbers of the table: asked, and what became of them."""
        return [self.plan.calls, *(self.judgement.fates[fate] for fate in Fate)]

    @property
    def holds(self) -> bool:
        """Whether no call was placed twice or lost, and nothing else is as it should not be."""
        return not self.judgement.evidence


def hammer(store_url: str, plan: Plan) -> Result:
    """Ask for many calls while everything breaks.

    :param store_url: where no call store is yet.
    """
    context = multiprocessing.get_context("forkserver")
    # So that a worker starts in a moment.
    context.set_forkserver_preload(_PARTS)
    store = CallStore(store_url)
    with closing(store):
        store.migrate()
        with (
            closing(ReceiverProcess(context, store_url)) as receiver,
            closing(SandboxProcess(context, plan, receiver.url)) as sandbox,
        ):
            account = Account("voiceinfra_default", sandbox.url, "sandbox-key", "voiceinfra_default", None, *FROM_NUMBERS)
            killer = ReceiverKiller(plan, receiver)
            crew = Crew(plan, lambda: _employ(context, plan, account, store_url), killer)
            start = time.monotonic()
            crew.run()
            seconds = time.monotonic() - start
            killer.end()
            time.sleep(1.1 * LIFETIME.total_seconds())
            dials = sandbox.delivered()
        _settle(store)
        judgement = judge(plan.calls, store, dials, crew.told)
    return Result(plan, judgement, seconds, len(crew.told), crew.killed, crew.stopped, killer.killed)


def _employ(context: ForkServerContext, plan: Plan, account: Account, store_url: str) -> Worker:
    pipe, theirs = context.Pipe()
    process = context.Process(target=work, args=(theirs, plan, account, store_url), daemon=True)
    process.start()
    theirs.close()
    return Worker(process, pipe)


def _settle(store: CallStore) -> None:
    """Do what the waiting tasks do: look which calls are settled, which finds claims that are too old."""
    store.claims.settled([call.ref for call in store.calls.iterate(state=CallState.CLAIMED)])


class ReceiverKiller:
    """Kills the receiver a few times, at moments drawn by the seed, and starts it again."""

    def __init__(self, plan: Plan, receiver: ReceiverProcess) -> None:
        chance = plan.chance("receiver")
        self.killed = 0
        self._receiver = receiver
        self._moments = sorted(chance.randrange(plan.calls) for _ in range(_RECEIVER_KILLS))
        self._absences = [chance.uniform(0.0, 2.0) for _ in self._moments]
        self._back_at: float | None = None

    def __call__(self, tries: int) -> None:
        """Kill it where its moment has come; start it where it was away for long enough."""
        if self._back_at is not None:
            if time.monotonic() > self._back_at:
                self.end()
        elif self._moments and tries >= self._moments[0]:
            self._receiver.kill()
            self.killed += 1
            self._moments.pop(0)
            self._back_at = time.monotonic() + self._absences.pop()

    def end(self) -> None:
        """Leave it running."""
        if self._back_at is not None:
            self._back_at = None
            self._receiver.start()
