"""A list that was cancelled dials nobody any more, whatever its calls in progress and its workers do then."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_voiceinfra.calls.redial import Redial
from airflow_provider_voiceinfra.lists.progress import Progress
from airflow_provider_voiceinfra.store.guard.pauses import Scope
from tests.support.list_samples import TASK, row
from tests.support.store_samples import claim, claim_request, deliver, make_old

LATER = timedelta(days=9)


@pytest.fixture
def list_id(store):
    """A list of one row, of which nobody was called."""
    list_id = store.lists.open(TASK)
    store.lists.add(list_id, [row(1)], store.lists.begin_import(list_id))
    return list_id


@pytest.fixture
def progress(store, list_id):
    return Progress(store, list_id, redial=Redial(attempts=3, wait=timedelta(hours=4)))


def due(store, list_id):
    return store.list_rows.due(list_id, datetime.now(UTC) + LATER, 9)


def fields(list_id, due_row):
    its = {"base_key": "row", "to_number": due_row.to_number, "list_id": list_id, "list_row": due_row.id}
    return its | {"source": TASK, "attempt": due_row.attempt, "settle_timeout": timedelta(0)}


def claim_row(store, list_id):
    [due_row] = due(store, list_id)
    return claim(store, **fields(list_id, due_row))


def place(store, list_id):
    """Call the row; gives the claim of its call, which is in progress."""
    ours = claim_row(store, list_id)
    assert store.claims.request_permit(ours).permit
    store.claims.record_queued(ours, "call-1")
    return ours


def lose(store, list_id):
    """Call the row, whose answer is lost; gives the claim of its call."""
    ours = claim_row(store, list_id)
    assert store.claims.request_permit(ours).permit
    store.claims.record_unknown(ours, "no answer")
    return ours


def cancel(store, list_id):
    store.pauses.pause(Scope.LIST, list_id, reason="wrong list", actor="ada")
    return store.pauses.resume(Scope.LIST, list_id, actor="bob", cancel=True)


def counts(store, list_id):
    return {(str(state), result): count for (state, result), count in store.lists.counts(list_id).items()}


def is_cancelled_when_dialled(store, list_id):
    """Whether the row, where it is still due, is not called but cancelled."""
    [due_row] = due(store, list_id)
    denied = store.claims.take(claim_request("again", **fields(list_id, due_row))).denied
    return denied.state == "cancelled" and counts(store, list_id) == {("done", "cancelled"): 1}


@pytest.mark.parametrize("outcome", ["voicemail", "failed", "answered"])
def test_a_row_whose_call_was_in_progress_ends_as_that_call_does_and_is_not_redialled(
    store, list_id, progress, outcome
):
    ours = place(store, list_id)
    assert cancel(store, list_id) == 0
    assert store.list_pages.get(list_id).described_state == "cancelled by bob"
    deliver(store, "call-1", to_number=ours.request.to_number, call_outcome=outcome)
    progress.look()
    assert counts(store, list_id) == {("done", outcome): 1}


def test_a_row_that_a_killed_worker_had_claimed_is_not_dialled(store, list_id, progress):
    make_old(store, claim_row(store, list_id), permits=0)
    cancel(store, list_id)
    progress.look()
    assert is_cancelled_when_dialled(store, list_id)


def test_a_worker_that_has_claimed_a_row_gets_no_send_permit(store, list_id):
    ours = claim_row(store, list_id)
    cancel(store, list_id)
    result = store.claims.request_permit(ours)
    assert result.permit is None
    assert result.denied.state == "cancelled"
    assert counts(store, list_id) == {("done", "cancelled"): 1}


@pytest.mark.parametrize("is_recorded", [True, False])
def test_a_row_whose_unknown_call_was_not_placed_is_not_dialled(store, list_id, progress, is_recorded):
    ours = lose(store, list_id)
    if is_recorded:
        progress.look()
    cancel(store, list_id)
    progress.look()
    assert counts(store, list_id) == {("done", "unknown"): 1}
    store.resolutions.not_placed(ours.ref, actor="ada")
    progress.begin()
    assert is_cancelled_when_dialled(store, list_id)


def test_a_row_whose_overdue_call_failed_after_all_is_not_redialled(store, list_id, progress):
    ours = place(store, list_id)
    progress.look()
    assert counts(store, list_id) == {("done", "overdue"): 1}
    cancel(store, list_id)
    deliver(store, "call-1", to_number=ours.request.to_number, call_outcome="failed")
    progress.begin()
    assert counts(store, list_id) == {("done", "failed"): 1}


def test_a_person_may_still_ask_for_a_redial_which_others_follow(store, list_id, progress):
    ours = place(store, list_id)
    cancel(store, list_id)
    deliver(store, "call-1", to_number=ours.request.to_number, call_outcome="failed")
    progress.look()
    store.redials.by_result(list_id, "failed", actor="ada")
    [due_row] = due(store, list_id)
    again = claim(store, "again", **fields(list_id, due_row))
    store.claims.record_queued(again, "call-2")
    deliver(store, "call-2", to_number=due_row.to_number, call_outcome="failed")
    progress.look()
    assert [each.attempt for each in due(store, list_id)] == [3]
