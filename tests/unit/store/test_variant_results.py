"""The variants of a list are compared by the last calls of the rows that were called."""

from __future__ import annotations

from airflow_provider_voiceinfra.store.lists.row_values import RowStep
from airflow_provider_voiceinfra.store.models import Extraction, Goal
from tests.support.list_samples import TASK, row
from tests.support.store_samples import claim_request, deliver, queued


def call(store, list_id, due, variant, outcome, goal=None, attempt=1):
    """Call a row, which ends so."""
    call_id, its = f"call-{due.id}-{attempt}", {"to_number": due.to_number, "list_id": list_id, "list_row": due.id}
    ours = queued(store, call_id, **its, variant=variant, attempt=attempt)
    deliver(store, call_id, to_number=due.to_number, call_outcome=outcome)
    store.extractions.record({ours.ref: Extraction(goal)})
    store.list_rows.record_steps([RowStep(due.id, due.import_version, result=outcome)])


def imported(store, count):
    list_id = store.lists.open(TASK)
    store.lists.add(list_id, [row(number) for number in range(1, count + 1)], store.lists.begin_import(list_id))
    due = store.list_rows.due(list_id, store.database.clock.now(), count)
    return list_id, due


def test_rows_count_once_by_their_last_call_and_only_those_that_were_called(store, open_store):
    list_id, (one, two, three, four, five, *_) = imported(store, 7)
    call(store, list_id, one, "long", "answered", Goal.MET)
    call(store, list_id, two, "long", "voicemail")
    call(store, list_id, two, "long", "answered", Goal.MISSED, attempt=2)
    call(store, list_id, three, "long", "failed")
    call(store, list_id, four, "short", "answered", Goal.UNREADABLE)
    store.do_not_call.add([five.to_number], actor="ada", reason="asked")
    its = {"to_number": five.to_number, "list_id": list_id, "list_row": five.id, "variant": "short"}
    assert store.claims.take(claim_request("five", **its)).denied
    found = {each.name: each.summary() for each in store.variant_results.of(list_id)}
    assert found == {
        "long": {"called": 3, "answered": 2, "answer_rate": 0.6667, "goal_met": 1, "goal_rate": 0.3333},
        "short": {"called": 1, "answered": 1, "answer_rate": 1.0, "goal_met": 0, "goal_rate": 0.0},
    }
    assert open_store(environment="staging").variant_results.of(list_id) == []


def test_where_no_goal_is_read_there_is_no_goal_rate(store):
    list_id, (one, two) = imported(store, 2)
    call(store, list_id, one, "long", "answered")
    call(store, list_id, two, None, "answered")
    assert [each.summary() for each in store.variant_results.of(list_id)] == [
        {"called": 1, "answered": 1, "answer_rate": 1.0}
    ]


def test_a_list_without_variants_has_no_results(store):
    list_id, (one,) = imported(store, 1)
    call(store, list_id, one, None, "answered")
    assert store.variant_results.of(list_id) == []


def test_a_page_that_is_refreshed_reads_them_once_a_minute(store):
    list_id, (one, two) = imported(store, 2)
    call(store, list_id, one, "long", "answered")
    assert [each.called for each in store.variant_results.recent(list_id)] == [1]
    call(store, list_id, two, "long", "answered")
    assert [each.called for each in store.variant_results.recent(list_id)] == [1]
    assert [each.called for each in store.variant_results.of(list_id)] == [2]
