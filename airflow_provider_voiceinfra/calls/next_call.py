"""Decides what follows a completed call: another one, or its result. The decision depends on columns only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from airflow_provider_voiceinfra.calls.redial import Redial
from airflow_provider_voiceinfra.guard.validity import Place
from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.store.models import ANSWERED


@dataclass(frozen=True, slots=True)
class NextCall:
    """What follows a completed call.

    :param result: of the call: its outcome, or ``no_goal``.
    :param was_answered: whether the callee was reached, at this number.
    :param redial_at: when to redial; None if it was the last call.
    """

    result: str
    was_answered: bool
    redial_at: datetime | None = None


def next_calls(store: CallStore, redial: Redial, places: Mapping[str, Place]) -> dict[str, NextCall]:
    """Decide what follows some completed calls, each the latest of its intent.

    What the agent extracted from an answered call is read once, and recorded.

    :param places: where each callee is, by the ref of the call.
    """
    attempts = store.calls.attempts(places)
    unread = [ref for ref, calls in attempts.items() if redial.needs_extraction(calls[-1])]
    extracted = store.extractions.extracted(unread) if unread else {}
    read = {ref: redial.read_extraction(attempts[ref], extracted.get(ref, {}), places[ref]) for ref in unread}
    store.extractions.record(read)
    found = {}
    for ref, (*before, latest) in attempts.items():
        last = replace(latest, extraction=read[ref]) if ref in read else latest
        redial_at = redial.next_at([*before, last], places[ref])
        found[ref] = NextCall(last.result, last.outcome == ANSWERED, redial_at)
    return found
