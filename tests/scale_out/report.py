"""What came out: who was dialled how often, what was completed, and how long it stood still."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

import sqlalchemy as sa

from airflow_provider_voiceinfra.sandbox import Sandbox
from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.store.models import CallState
from tests.scale_out.accidents import Accident


@dataclass(frozen=True, slots=True)
class Result:
    """The figures of a run.

    :param again: how often Celery handed the task out while it was running.
    :param dials: of how many rows there were so many dials.
    :param placed: calls that VoiceInfra took.
    :param completed: of those, calls whose completion is in the store.
    :param tries: to deliver a webhook, by what was answered.
    :param recovered: calls whose answer was lost and whose own webhook settled them.
    :param not_placed: calls that were never sent, as a person found out; their rows were dialled later.
    :param restarts: how often a part ended by itself, and was started again.
    :param bytes: of the call store, with its indexes.
    """

    rows: int
    state: str
    task_tries: int
    again: int
    seconds: float
    dials: Counter[int]
    placed: int
    completed: int
    tries: Counter[str]
    recovered: int
    not_placed: int
    restarts: Counter[str]
    bytes: int

    @property
    def pauses(self) -> bool:
        """Whether each row was dialled once, and each call completed."""
        once = self.dials == {1: self.rows}
        return once and self.completed == self.placed == self.rows and self.state == "success"


def count_dials(sandbox: Sandbox, rows: int) -> Counter[int]:
    """Count how many rows were dialled how often."""
    by_number = Counter(dial.to_number for dial in sandbox.dials)
    return Counter(by_number.values()) + Counter({0: rows - len(by_number)})


def count_completed(store: CallStore, sandbox: Sandbox) -> int:
    """Count the calls that were placed, are completed in the store, and have their words there."""
    columns = schema.call.c
    query = sa.select(columns.call_id).where(columns.state == CallState.COMPLETED)
    joined = query.join(schema.completion, schema.completion.c.id == columns.completion_id)
    with store.database.read() as tx:
        return len(set(tx.scalars(joined)) & {dial.call_id for dial in sandbox.dials})


def count_recovered(store: CallStore) -> int:
    """Count the calls that were settled by their own webhook, because their answer was lost."""
    events = schema.call_event.c
    query = sa.select(sa.func.count(sa.distinct(events.call))).where(events.kind == "recovered")
    with store.database.read() as tx:
        return tx.scalar(query) or 0


def count_tries(sandbox: Sandbox) -> Counter[str]:
    """Count the tries to deliver a webhook by the status that was answered."""
    return Counter(str(delivery.status or "no answer") for delivery in sandbox.deliveries)


def count_bytes(store: CallStore) -> int:
    """Measure the call store's tables with their indexes."""
    sizes = sa.func.sum(sa.func.pg_total_relation_size(sa.text("relid")))
    with store.database.read() as tx:
        return int(tx.scalar(sa.select(sizes).select_from(sa.text("pg_stat_user_tables"))) or 0)


def show(result: Result) -> None:
    """Print the figures."""
    dials = ", ".join(f"{times} for {count:,}" for times, count in sorted(result.dials.items()))
    lines = {
        "rows": f"{result.rows:,}",
        "dials per row": dials,
        "completions of the calls placed": f"{result.completed:,} of {result.placed:,}",
        "the list's task": f"{result.state}, after {result.task_tries} tries",
        "handed out once more while it was running": f"{result.again} times",
        "calls whose answer was lost, settled by their own webhook": result.recovered,
        "calls never sent, of which nobody knew; looked up by a person, then dialled": result.not_placed,
        "webhooks, by what each try was answered": _counted(result.tries),
        "time": f"{result.seconds:.0f} s, {result.placed / result.seconds:.1f} calls a second",
        "call store": f"{result.bytes / result.placed / 1024:.1f} KiB a call",
        "parts that ended by themselves, and were started again": _counted(result.restarts) or "none",
    }
    print("\n| what came out | |\n|---|---|")
    for name, value in lines.items():
        print(f"| {name} | {value} |")


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{name}: {count:,}" for name, count in sorted(counts.items()))


def show_pauses(sandbox: Sandbox, accidents: Sequence[Accident]) -> None:
    """Print for how long nobody was dialled, and no webhook taken, from each accident to the next."""
    dials = [dial.at for dial in sandbox.dials]
    taken = [delivery.at for delivery in sandbox.deliveries if delivery.acknowledged]
    begins = [(f"{each.what}, for {(each.back_at - each.at).total_seconds():.0f} s", each.at) for each in accidents]
    starts = [("nothing yet", dials[0]), *begins]
    ends = [at for _, at in starts[1:]] + [max(taken[-1], dials[-1])]
    print("\n| killed | longest pause of dials | of webhooks taken |\n|---|---|---|")
    for (what, begin), end in zip(starts, ends, strict=True):
        print(f"| {what} | {_pause(dials, begin, end):.1f} s | {_pause(taken, begin, end):.1f} s |", flush=True)


def _pause(times: Sequence[datetime], begin: datetime, end: datetime) -> float:
    within = [begin, *(at for at in sorted(times) if begin < at < end)]
    return max(((later - earlier).total_seconds() for earlier, later in pairwise(within)), default=0.0)
