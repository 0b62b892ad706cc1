"""Before a list has been paused after its pilot, no more rows are called than the pilot has places."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_voiceinfra.store.guard.pauses import Scope
from airflow_provider_voiceinfra.store.guard.rules import Cap, Rules
from airflow_provider_voiceinfra.store.lists.row_values import RowStep
from tests.support.list_samples import TASK, row
from tests.support.store_samples import claim, claim_request, deliver, queued

SIZE = 4
LATER = timedelta(days=1)


@pytest.fixture
def list_id(store):
    list_id = store.lists.open(TASK)
    version = store.lists.begin_import(list_id)
    store.lists.add(list_id, [replace(row(number), priority=number) for number in range(1, 10)], version)
    store.lists.finish_import(list_id, version, 0)
    return list_id


def due(store, list_id, count=100, now=None, **options):
    return store.pilots.due(list_id, SIZE, now or datetime.now(UTC) + timedelta(seconds=1), count, **options)


def positions(rows):
    return [each.position for each in rows]


def of_row(list_id, each):
    return {"list_id": list_id, "list_row": each.id, "to_number": each.to_number}


def end(store, list_id, rows, *outcomes):
    """Call rows, whose calls end like this."""
    for each, outcome in zip(rows, outcomes, strict=True):
        queued(store, f"call-{each.id}", **of_row(list_id, each))
        deliver(store, f"call-{each.id}", to_number=each.to_number, call_outcome=outcome)
        store.list_rows.record_steps([RowStep(each.id, each.import_version, result=outcome)])


def test_no_more_rows_are_due_than_it_has_places(store, list_id):
    assert positions(due(store, list_id, 2)) == [1, 2]
    rows = due(store, list_id)
    assert positions(rows) == [1, 2, 3, 4]
    for each in rows:
        queued(store, f"call-{each.id}", **of_row(list_id, each))
    assert due(store, list_id) == []
    assert store.pilots.next_due(list_id, SIZE) is None
    assert store.list_rows.next_due(list_id) is not None


def test_two_workers_share_the_places(store, open_store, list_id):
    first, other = due(store, list_id, 3), open_store()
    end(store, list_id, first, "answered", "answered", "answered")
    assert positions(due(other, list_id, 3)) == [4]
    assert positions(due(store, list_id, 3)) == [4]


def test_the_rows_with_the_highest_priority_are_the_pilot(store, list_id):
    assert positions(due(store, list_id, 3, by_priority=True)) == [9, 8, 7]


def test_a_row_that_may_not_be_called_gives_its_place_to_another(store, list_id):
    listed, elsewhere, *_ = due(store, list_id)
    store.do_not_call.add([listed.to_number], actor="ada", reason="asked")
    assert store.claims.take(claim_request(**of_row(list_id, listed))).denied
    store.list_rows.already_called(elsewhere, "vc_1")
    assert positions(due(store, list_id)) == [3, 4, 5, 6]


def test_so_does_a_row_whose_numbers_are_all_on_the_do_not_call_list(store):
    list_id = store.lists.open(TASK)
    rows = [replace(row(number), numbers=(row(number).to_number, f"+1212555{number:04}")) for number in range(1, 7)]
    store.lists.add(list_id, rows, store.lists.begin_import(list_id))
    listed = due(store, list_id)[0]
    store.do_not_call.add(listed.numbers, actor="ada", reason="asked")
    assert positions(store.row_numbers.choose(list_id, due(store, list_id))) == [2, 3, 4]
    assert positions(due(store, list_id)) == [2, 3, 4, 5]


def call_and_redial(store, list_id, each):
    """Call a row that does not answer, and let it be due again."""
    ours = queued(store, f"call-{each.id}", **of_row(list_id, each))
    deliver(store, f"call-{each.id}", to_number=each.to_number, call_outcome="voicemail")
    store.list_rows.record_steps([RowStep(each.id, each.import_version, datetime.now(UTC), attempt=2)])
    return ours


def test_a_row_that_was_called_keeps_its_place_though_its_redial_is_deferred_or_denied(store, list_id):
    *rows, last = due(store, list_id)
    deferred, listed, elsewhere = rows
    for each in rows:
        call_and_redial(store, list_id, each)
    end(store, list_id, [last], "answered")
    capped = Rules(caps=(Cap(1, timedelta(days=1)),))
    for each, rules in ((deferred, capped), (listed, Rules())):
        store.do_not_call.add([listed.to_number], actor="ada", reason="asked")
        redial = {"key": f"call-{each.id}/2", "base_key": f"call-{each.id}", "attempt": 2, "rules": rules}
        assert store.claims.take(claim_request(**redial, **of_row(list_id, each))).denied
    store.list_rows.already_called(replace(elsewhere, attempt=2), "vc_1")
    assert due(store, list_id) == []
    # The deferred one and the listed one are told by their calls.
    assert store.pilots.outcomes(list_id, SIZE) == {"voicemail": 2, "already_called": 1, "answered": 1}


def test_so_does_one_whose_numbers_are_all_on_the_do_not_call_list_after_it_was_called(store):
    list_id = store.lists.open(TASK)
    rows = [replace(row(number), numbers=(row(number).to_number, f"+1212555{number:04}")) for number in range(1, 7)]
    store.lists.add(list_id, rows, store.lists.begin_import(list_id))
    called = due(store, list_id)[0]
    call_and_redial(store, list_id, called)
    store.do_not_call.add(called.numbers, actor="ada", reason="asked")
    assert positions(store.row_numbers.choose(list_id, due(store, list_id))) == [2, 3, 4]
    assert positions(due(store, list_id)) == [2, 3, 4]


def test_a_list_whose_pilot_has_just_ended_is_not_done(store, list_id):
    rows = due(store, list_id)
    end(store, list_id, rows, *["answered"] * SIZE)
    assert store.pilots.next_due(list_id, SIZE) == store.list_rows.next_due(list_id) is not None


def test_a_row_that_was_not_sent_keeps_its_place(store, list_id):
    first, now = due(store, list_id, 1)[0], datetime.now(UTC)
    ours = claim(store, **of_row(list_id, first))
    store.claims.release_all([(ours, first)], "nothing was sent", now + LATER)
    assert positions(due(store, list_id)) == [2, 3, 4]
    end(store, list_id, due(store, list_id), "answered", "answered", "answered")
    assert due(store, list_id) == []
    assert store.pilots.outcomes(list_id, SIZE) is None
    assert store.pilots.next_due(list_id, SIZE) == now + LATER
    assert positions(due(store, list_id, now=now + LATER)) == [1]


def test_its_outcomes_are_known_once_its_calls_have_ended(store, list_id):
    *rows, last = due(store, list_id)
    end(store, list_id, rows, "answered", "voicemail", "answered")
    assert store.pilots.outcomes(list_id, SIZE) is None
    queued(store, "last", **of_row(list_id, last))
    assert store.pilots.outcomes(list_id, SIZE) is None
    deliver(store, "last", to_number=last.to_number, call_outcome="failed")
    # It is redialled tomorrow: nobody waits for that.
    store.list_rows.record_steps([RowStep(last.id, last.import_version, datetime.now(UTC) + LATER, attempt=2)])
    assert store.pilots.outcomes(list_id, SIZE) == {"answered": 2, "voicemail": 1, "failed": 1}


def test_the_list_is_paused_after_it_once(store, open_store, list_id):
    assert not store.pilots.is_over(list_id)
    assert store.pilots.end(list_id, "its pilot has ended")
    assert not open_store().pilots.end(list_id, "its pilot has ended")
    [pause] = store.pauses.in_force()
    assert (pause.scope, pause.name, pause.paused_by) == (Scope.LIST, list_id, "pilot")
    store.pauses.resume(Scope.LIST, list_id, actor="ada")
    assert store.pilots.is_over(list_id)
    assert not store.pilots.end(list_id, "its pilot has ended")
    assert not store.pauses.in_force()


def test_a_row_that_is_read_again_before_it_was_called_takes_a_place_again(store, list_id):
    assert positions(due(store, list_id)) == [1, 2, 3, 4]
    version = store.lists.begin_import(list_id)
    store.lists.add(list_id, [row(number) for number in range(3, 10)], version)
    store.lists.finish_import(list_id, version, 1)
    assert positions(due(store, list_id)) == [3, 4, 5, 6]
