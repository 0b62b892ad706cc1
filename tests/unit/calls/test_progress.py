"""A list whose calls all fail stops itself, and goes on when a person says so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_voiceinfra.calls.redial import Redial
from airflow_provider_voiceinfra.lists.circuit_breaker import CircuitBreaker
from airflow_provider_voiceinfra.lists.progress import Progress
from airflow_provider_voiceinfra.store.guard.pauses import Scope
from airflow_provider_voiceinfra.store.lists.row_values import NewRow
from airflow_provider_voiceinfra.store.models import Source
from tests.support.store_samples import claim, deliver, make_old, queued, unknown

ROWS, LIMIT = 9, 3


@pytest.fixture
def list_id(store):
    """A list that is read and of which nobody was called."""
    list_id = store.lists.open(Source("dag", "run", "run", "call"))
    import_version = store.lists.begin_import(list_id)
    rows = [NewRow(number, None, f"+1415555010{number}", {}, {}) for number in range(1, ROWS + 1)]
    store.lists.add(list_id, rows, import_version)
    store.lists.finish_import(list_id, import_version, 0)
    return list_id


@pytest.fixture
def progress(store, list_id):
    return Progress(store, list_id, circuit_breaker=CircuitBreaker(consecutive_failed=LIMIT))


def place(store, list_id, count):
    """Call so many; gives their call IDs and numbers."""
    rows = store.list_rows.due(list_id, datetime.now(UTC) + timedelta(minutes=1), count)
    calls = {f"call-{row.id}": row.to_number for row in rows}
    for row, (call_id, number) in zip(rows, calls.items(), strict=True):
        store.list_rows.called(row, queued(store, call_id, to_number=number, list_id=list_id).ref)
    return calls


def end(store, calls, outcome="failed"):
    for call_id, number in calls.items():
        deliver(store, call_id, to_number=number, call_outcome=outcome)


def fail(store, list_id, count, outcome="failed"):
    """Call so many, whose calls end like this."""
    end(store, place(store, list_id, count), outcome)


def release(store, list_id):
    store.pauses.resume(Scope.LIST, list_id, actor="ada")


def test_it_is_paused_once_until_it_is_resumed(store, list_id, progress):
    fail(store, list_id, LIMIT - 1)
    progress.look()
    assert not store.pauses.in_force()
    fail(store, list_id, LIMIT)
    for _ in range(2):
        progress.look()
        assert [pause.reason for pause in store.pauses.in_force()] == [f"the last {LIMIT} calls failed"]
    release(store, list_id)
    progress.look()
    assert not store.pauses.in_force()


def test_calls_that_failed_before_the_resume_do_not_count_though_they_are_noted_after_it(store, list_id, progress):
    in_progress = place(store, list_id, LIMIT)
    fail(store, list_id, LIMIT)
    progress.look()
    end(store, in_progress)
    release(store, list_id)
    progress.look()
    assert not store.pauses.in_force()
    fail(store, list_id, LIMIT)
    progress.look()
    assert store.pauses.in_force()


def test_a_resume_that_comes_while_it_is_looked_at_stands(store, list_id, progress, monkeypatch):
    fail(store, list_id, LIMIT)
    progress.look()
    releases = [release]

    def then_release(look):
        def looked(*of):
            found = look(*of)
            while releases:
                releases.pop()(store, list_id)
            return found

        return looked

    monkeypatch.setattr(store.pauses, "in_force", then_release(store.pauses.in_force))
    monkeypatch.setattr(store.calls, "latest_ended", then_release(store.calls.latest_ended))
    progress.look()
    assert not releases
    assert not store.pauses.in_force()


def paused_because(store):
    return [pause.reason for pause in store.pauses.in_force()]


@pytest.mark.parametrize(
    ("ends", "reason"),
    [
        (["answered", "answered", "voicemail", "voicemail", "voicemail", "voicemail"], []),
        (["answered"] + ["voicemail"] * 5, ["only 1 of the last 6 calls were answered (min_answer_rate=0.3)"]),
        (["answered", "answered"] + ["failed"] * 4, ["4 of the last 6 calls failed (max_failed_rate=0.6)"]),
        (["answered", "answered", "voicemail"] + ["failed"] * 3, []),
        (["voicemail"] * 5, []),
    ],
)
def test_it_is_paused_where_too_few_are_answered_or_too_many_fail(store, list_id, ends, reason):
    breaker = CircuitBreaker(consecutive_failed=0, min_answer_rate=0.3, max_failed_rate=0.6, window=6)
    progress = Progress(store, list_id, circuit_breaker=breaker)
    for outcome in ends:
        fail(store, list_id, 1, outcome)
        progress.look()
    assert paused_because(store) == reason
    release(store, list_id) if reason else None
    progress.look()
    assert not store.pauses.in_force()


def lose(store, list_id, count):
    """Lose a worker that is sending so many calls."""
    for row in store.list_rows.due(list_id, datetime.now(UTC) + timedelta(minutes=1), count):
        its = {"to_number": row.to_number, "list_id": list_id, "list_row": row.id}
        ours = claim(store, f"key-{row.id}", settle_timeout=timedelta(0), **its)
        assert store.claims.request_permit(ours).permit
        make_old(store, ours)


def test_calls_that_one_lost_worker_leaves_unknown_count_as_one(store, open_store, list_id):
    progress = Progress(store, list_id, circuit_breaker=CircuitBreaker(unknown=3))
    for _ in range(2):
        lose(open_store(), list_id, 2)
        progress.look()
        assert not store.pauses.in_force()
    assert store.lists.counts(list_id)["done", "unknown"] == 4
    lose(open_store(), list_id, 1)
    progress.look()
    assert paused_because(store) == ["calls are unknown after 3 separate errors or lost workers"]


def test_calls_that_are_unknown_for_their_own_errors_count_each(store, list_id):
    progress = Progress(store, list_id, circuit_breaker=CircuitBreaker(unknown=2))
    for row in store.list_rows.due(list_id, datetime.now(UTC) + timedelta(minutes=1), 2):
        its = {"to_number": row.to_number, "list_id": list_id, "list_row": row.id}
        unknown(store, f"key-{row.id}", settle_timeout=timedelta(0), **its)
    progress.look()
    assert paused_because(store) == ["calls are unknown after 2 separate errors or lost workers"]


def test_a_list_that_redials_is_paused_by_the_calls_that_failed_and_not_only_by_rows(store, list_id):
    redial, breaker = Redial(wait=timedelta(days=1)), CircuitBreaker(consecutive_failed=LIMIT)
    progress = Progress(store, list_id, redial=redial, circuit_breaker=breaker)
    fail(store, list_id, LIMIT)
    progress.look()
    assert store.list_rows.next_due(list_id) is not None
    assert store.list_progress.count(list_id).rate is None
    assert paused_because(store) == [f"the last {LIMIT} calls failed"]


def test_a_row_whose_number_was_rejected_goes_on_at_its_next_one_though_the_worker_was_killed(store, list_id):
    version, numbers = store.lists.begin_import(list_id), ("+12125550101", "+12125550102")
    store.lists.add(list_id, [NewRow(1, "key", numbers[0], {}, {}, numbers=numbers)], version)
    store.lists.finish_import(list_id, version, 1)

    def next_number():
        due = store.list_rows.due(list_id, datetime.now(UTC) + timedelta(minutes=1), 1)
        return [row.to_number for row in store.row_numbers.choose(list_id, due)]

    refs = []
    for number in numbers:
        assert next_number() == [number]
        [row] = store.list_rows.due(list_id, datetime.now(UTC) + timedelta(minutes=1), 1)
        ours = claim(store, "key", to_number=number, list_id=list_id, list_row=row.id)
        store.claims.record_rejected(ours, "invalid_phone", "no")
        refs.append(ours.ref)
        Progress(store, list_id).begin()
        # A worker that is late changes nothing.
        assert store.row_numbers.pass_over(row.id, refs[0])
    assert next_number() == []
    assert store.lists.counts(list_id)["done", "rejected"] == 1
