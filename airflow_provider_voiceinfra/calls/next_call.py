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

    What was said in an answered call is read once, and recorded.

    :param places: where each callee is, by the ref of the call.
    """
    attempts = store.calls.attempts(places)
    unheard = [ref for ref, calls in attempts.items() if redial.listens_to(calls[-1])]
    extracted = store.conversations.extracted(unheard) if unheard else {}
    said = {ref: redial.hear(attempts[ref], extracted.get(ref, {}), places[ref]) for ref in unheard}
    store.conversations.record(said)
    found = {}
    for ref, (*before, last) in attempts.items():
        heard = replace(last, said=said[ref]) if ref in said else last
        redial_at = redial.next_at([*before, heard], places[ref])
        found[ref] = NextCall(heard.result, heard.outcome == ANSWERED, redial_at)
    return found
