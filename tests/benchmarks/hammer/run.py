"""The hammer: everything is started, struck, waited for and judged; everything ends."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from multiprocessing.context import ForkServerContext

from airflow_provider_voiceinfra.calls.account import Account
from airflow_provider_voiceinfra.sandbox.server import FROM_NUMBERS
from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.store.models import CallState
from airflow_provider_voiceinfra.store.reads.call_filter import CallFilter
from tests.benchmarks.hammer.accidents import Accidents
from tests.benchmarks.hammer.asks import Plan
from tests.benchmarks.hammer.crew import Crew, Hand
from tests.benchmarks.hammer.judge import Fate, Judgement, judge
from tests.benchmarks.hammer.pace import LIFETIME
from tests.benchmarks.hammer.services import ReceiverProcess, SandboxProcess
from tests.benchmarks.hammer.strikes import Strike
from tests.benchmarks.hammer.worker import work

_CONN_ID = "voiceinfra_default"
_PRELOADED = [
    "tests.benchmarks.hammer.worker",
    "tests.benchmarks.hammer.services",
    # Imported by what they import, when it is used.
    "phonenumbers.data.region_US",
    "sqlalchemy.dialects.postgresql.psycopg",
    "sqlalchemy.dialects.sqlite.pysqlite",
    "psycopg",
]


@dataclass(frozen=True, slots=True)
class Result:
    """What came out.

    :param seconds: in which all asks came to their end.
    :param tries: that came to their end; those of killed workers did not.
    :param cuts: connections that the database dropped.
    """

    plan: Plan
    judgement: Judgement
    seconds: float
    tries: int
    strikes: Mapping[Strike, int]
    receiver_kills: int
    cuts: int

    @property
    def row(self) -> dict[str, int]:
        """The table's: asked, and what became of them."""
        return {"asked": self.plan.calls} | {str(fate): self.judgement.fates[fate] for fate in Fate}


def hammer(store_url: str, plan: Plan) -> Result:
    """Ask for many calls while everything breaks.

    :param store_url: where no call store is yet.
    """
    context = multiprocessing.get_context("forkserver")
    # A worker that takes another's place is there in a moment.
    context.set_forkserver_preload(_PRELOADED)
    with (
        closing(CallStore(store_url)) as store,
        closing(ReceiverProcess(context, store_url)) as receiver,
        closing(SandboxProcess(context, plan, receiver.url)) as sandbox,
    ):
        store.migrate()
        account = Account(_CONN_ID, sandbox.url, "sandbox-key", _CONN_ID, from_number=FROM_NUMBERS[0])
        accidents = Accidents(plan, receiver, store)
        crew = Crew(
            plan,
            employ=lambda: _employ(context, plan, account, store_url),
            call_ids=sandbox.call_ids,
            happen=accidents.happen,
        )
        start = time.monotonic()
        crew.run()
        seconds = time.monotonic() - start
        accidents.repair()
        time.sleep(1.1 * LIFETIME.total_seconds())
        dials = sandbox.delivered()
        # What waiting tasks do: it finds the claims that are too old.
        store.claims.settled([call.ref for call in store.calls.iterate(CallFilter(state=CallState.CLAIMED))])
        judgement = judge(plan.calls, store, dials, crew.told)
    return Result(plan, judgement, seconds, len(crew.told), crew.strikes, accidents.receiver_kills, accidents.cuts)


def _employ(context: ForkServerContext, plan: Plan, account: Account, store_url: str) -> Hand:
    pipe, theirs = context.Pipe()
    process = context.Process(target=work, args=(theirs, plan, account, store_url), daemon=True)
    process.start()
    theirs.close()
    return Hand(process, pipe)
