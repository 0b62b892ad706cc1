"""The summary of a call list: how many rows ended in which way."""

from __future__ import annotations

from typing import Any

from airflow_provider_voiceinfra.calls.redial import Redial
from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.store.lists.row_values import RowState
from airflow_provider_voiceinfra.store.models import NO_GOAL, OUTCOMES, CallState

NOT_REACHED = ("failed", CallState.REJECTED.value, CallState.OVERDUE.value, CallState.UNKNOWN.value)
"""Results of calls that reached nobody, as far as known."""
CALLED = tuple(dict.fromkeys((*OUTCOMES, *NOT_REACHED)))
"""Results of rows whose calls were placed or rejected."""
NOT_CALLED = (
    "already_called",
    CallState.DO_NOT_CALL.value,
    CallState.EXPIRED.value,
    CallState.CANCELLED.value,
    "suppressed",
    "not_eligible",
    "given_up",
    RowState.SET_ASIDE.value,
)
"""Results of rows that the list did not call."""


def summarize(
    store: CallStore, list_id: str, redial: Redial | None = None, *, always: tuple[str, ...] = (*CALLED, *NOT_CALLED)
) -> dict[str, Any]:
    """Count the rows of a list by their result, else by their state.

    :param redial: if extracted data decides about its redials, values that it could not use are counted too.
    :param always: results that are always included, so that a DAG can read them without a default.
    """
    counts = store.lists.counts(list_id)
    results = dict.fromkeys(always, 0)
    for (state, result), count in sorted(counts.items()):
        name = result if state == RowState.DONE else state.value
        results[name] = results.get(name, 0) + count
    summary = {"list_id": list_id, "rows": counts.total(), **results}
    if redial is not None and redial.reads_extraction:
        summary |= {NO_GOAL: results.get(NO_GOAL, 0), **store.extractions.count(list_id)}
    if variants := store.variant_results.of(list_id):
        summary["variants"] = {each.name: each.summary() for each in variants}
    return summary
