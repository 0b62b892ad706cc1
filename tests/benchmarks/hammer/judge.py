"""What became of every intent: what the sandbox knows, against what the store knows and the tasks were told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import sqlalchemy as sa

from airflow_provider_voiceinfra.sandbox import Dial
from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.store.models import KEY_FREE_STATES, Call, CallState
from tests.benchmarks.hammer.asks import MARKER
from tests.benchmarks.hammer.worker import End, Told

_TAKEN = frozenset({CallState.QUEUED, CallState.OVERDUE, CallState.COMPLETED})


class Fate(StrEnum):
    """What became of an intent: exactly one of these."""

    PLACED = "placed"
    """One phone rang, and the store and the tasks know it by its ``call_id``."""
    REFUSED = "refused"
    """No phone rang, and the store knows that none did."""
    REPORTED = "reported"
    """Unknown in the store, which a person is told of, whether or not a phone rang."""
    TWICE = "placed twice"
    """More than one phone rang."""
    LOST = "lost"
    """None of these: what the store or a task believes is not what happened."""


@dataclass(frozen=True, slots=True)
class Case:
    """An intent, and all that is known of it."""

    number: int
    dials: list[Dial] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)

    @property
    def fate(self) -> Fate:
        """Judge it."""
        rang = {dial.call_id for dial in self.dials}
        holding = [call for call in self.calls if call.state not in KEY_FREE_STATES]
        if len(rang) > 1:
            return Fate.TWICE
        if any(each.end is End.PLACED and each.text not in rang for each in self.told) or len(holding) > 1:
            return Fate.LOST
        if not holding:
            return Fate.REFUSED if self.calls and not rang else Fate.LOST
        if holding[0].state == CallState.UNKNOWN:
            return Fate.REPORTED
        return Fate.PLACED if holding[0].state in _TAKEN and {holding[0].call_id} == rang else Fate.LOST


@dataclass(slots=True)
class Judgement:
    """All intents, counted.

    :param resolved: unknown calls settled by what a person found out.
    :param recovered: calls whose answer nobody received, settled by their webhook.
    :param ambiguous: calls reported although their webhook came: it might be another's.
    :param stuck: the same where it can be no other's: these should have been recovered.
    :param orphans: claims that were found too old, their owner dead or stopped.
    :param evidence: all that is known of each call that is not as it should be.
    """

    fates: Counter[Fate] = field(default_factory=Counter)
    resolved: int = 0
    recovered: int = 0
    ambiguous: int = 0
    stuck: int = 0
    orphans: int = 0
    evidence: list[str] = field(default_factory=list)


def judge(asked: int, store: CallStore, dials: Iterable[Dial], told: Iterable[Told]) -> Judgement:
    """Judge all intents, when nothing happens any more."""
    judgement = Judgement()
    _count_events(judgement, store)
    for case in _cases(asked, store, dials, told):
        fate = case.fate
        judgement.fates[fate] += 1
        stuck = _judge_recovery(judgement, store, case.calls)
        surprised = any(each.end is End.SURPRISE for each in case.told)
        if fate in {Fate.TWICE, Fate.LOST} or stuck or surprised:
            what = "stuck" if stuck else "surprising" if surprised else fate
            judgement.evidence.append(_evidence(store, case, what))
    return judgement


def _cases(asked: int, store: CallStore, dials: Iterable[Dial], told: Iterable[Told]) -> Sequence[Case]:
    cases = [Case(number) for number in range(asked)]
    for dial in dials:
        cases[(dial.variables or {})[MARKER]].dials.append(dial)
    for call in store.calls.iterate():
        cases[call.request["variables"][MARKER]].calls.append(call)
    for each in told:
        cases[each.ask.number].told.append(each)
    return cases


def _judge_recovery(judgement: Judgement, store: CallStore, calls: Sequence[Call]) -> bool:
    judgement.recovered += sum(call.state == CallState.COMPLETED and call.queued_at is None for call in calls)
    stuck = False
    for call in calls:
        if call.state == CallState.UNKNOWN:
            rivals, completions, _ = store.resolutions.candidates(call.ref)
            stuck = len(completions) == 1 and not rivals
            judgement.stuck += stuck
            judgement.ambiguous += bool(completions) and not stuck
    return stuck


def _count_events(judgement: Judgement, store: CallStore) -> None:
    events = schema.call_event.c
    with store.database.read() as tx:
        for kind, detail in tx.execute(sa.select(events.kind, events.detail)):
            judgement.orphans += detail.get("reason") == "its owner is gone"
            judgement.resolved += kind == "resolved"


def _evidence(store: CallStore, case: Case, what: str) -> str:
    lines = [f"Intent {case.number} is {what}."]
    lines += [f"  rang: {dial.call_id} at {dial.at:%T.%f}, scenario {dial.scenario.code}" for dial in case.dials]
    for call in case.calls:
        steps = (f"{event.kind} {event.at:%T.%f} {dict(event.detail)}" for event in store.calls.history(call.id))
        lines += [f"  call {call.ref}, {call.state}, {call.call_id}:", *(f"    {step}" for step in steps)]
    lines += [f"  told: {each}" for each in case.told]
    return "\n".join(lines)
