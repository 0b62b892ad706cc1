"""A row with several numbers is one row: it is called at one of them at a time, and at none that must not be called."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_voiceinfra.store.claims.results import ConflictReason
from airflow_provider_voiceinfra.store.guard.rules import Rule
from airflow_provider_voiceinfra.store.lists.row_values import NewRow, RowStep
from tests.support.list_samples import TASK
from tests.support.store_samples import claim, claim_request, deliver, queued, state

MOBILE, HOME, WORK, OTHER = "+12125550101", "+12125550102", "+12125550103", "+12125550104"
ALL = (MOBILE, HOME, WORK)


def with_numbers(position, *numbers):
    return NewRow(position, f"key-{position}", numbers[0], {}, {}, numbers=numbers if len(numbers) > 1 else ())


@pytest.fixture
def read(store):
    def read_rows(*new):
        list_id = store.lists.open(TASK)
        version = store.lists.begin_import(list_id)
        store.lists.add(list_id, new, version)
        store.lists.finish_import(list_id, version, 0)
        return list_id

    return read_rows


def due(store, list_id):
    return store.list_rows.due(list_id, datetime.now(UTC) + timedelta(seconds=1), 10)


def choose(store, list_id):
    """The numbers at which the rows that are due are called."""
    return [row.to_number for row in store.row_numbers.choose(list_id, due(store, list_id))]


def move_on(store, list_id, to):
    [row] = due(store, list_id)
    step = RowStep(row.id, row.import_version, datetime.now(UTC), row.attempt + 1, next_number=to)
    store.list_rows.record_steps([step])


def listed(store, number, reason="moved"):
    store.do_not_call.add([number], actor="ada", reason=reason)


def results(store, list_id):
    return {str(result): count for (_, result), count in store.lists.counts(list_id).items()}


def test_numbers_are_called_in_turn(store, read):
    list_id = read(with_numbers(1, *ALL))
    assert choose(store, list_id) == [MOBILE]
    for to, number in ((1, HOME), (2, WORK), (0, MOBILE)):
        move_on(store, list_id, to)
        assert choose(store, list_id) == [number]
        assert [row.to_number for row in due(store, list_id)] == [number]


def test_a_number_on_the_do_not_call_list_is_passed_over(store, read):
    list_id = read(with_numbers(1, *ALL), with_numbers(2, OTHER))
    listed(store, MOBILE)
    assert choose(store, list_id) == [HOME, OTHER]
    listed(store, WORK)
    listed(store, HOME)
    assert choose(store, list_id) == [OTHER]
    assert results(store, list_id) == {"do_not_call": 1, "": 1}


def test_once_the_callee_has_answered_no_other_number_is_called(store, read):
    list_id = read(with_numbers(1, *ALL))
    move_on(store, list_id, None)
    assert choose(store, list_id) == [MOBILE]
    listed(store, MOBILE)
    assert choose(store, list_id) == []
    assert results(store, list_id) == {"do_not_call": 1}


def test_who_has_opted_out_is_called_at_no_number(open_store):
    store = open_store(opt_out_field="opted_out")
    list_id = store.lists.open(TASK)
    store.lists.add(list_id, [with_numbers(1, *ALL), with_numbers(2, OTHER)], store.lists.begin_import(list_id))
    # Also where the number was on the list for another reason.
    listed(store, WORK)
    queued(store, "call-1", to_number=OTHER)
    opts_out_of = claim_request("key-1", to_number=MOBILE, other_numbers=(HOME, WORK))
    ours = store.claims.take(opts_out_of).claim
    later = claim(store, "earlier", to_number=HOME)
    store.claims.record_queued(later, "call-2")
    deliver(store, "call-2", to_number=HOME, extracted_data={"opted_out": True})
    assert choose(store, list_id) == [OTHER]
    assert results(store, list_id) == {"do_not_call": 1, "": 1}
    # Not even if the claim came before it.
    assert store.claims.request_permit(ours).denied.denial.rule == Rule.DO_NOT_CALL
    assert store.claims.take(claim_request("key-2", to_number=MOBILE, other_numbers=(HOME,))).denied is not None


def test_an_opt_out_counts_though_the_number_was_listed_during_the_call(open_store):
    store = open_store(opt_out_field="opted_out")
    list_id = store.lists.open(TASK)
    store.lists.add(list_id, [with_numbers(1, MOBILE, HOME)], store.lists.begin_import(list_id))
    queued(store, "call-1", to_number=MOBILE)
    listed(store, MOBILE)
    deliver(store, "call-1", to_number=MOBILE, extracted_data={"opted_out": True})
    assert choose(store, list_id) == []


def test_a_number_belongs_to_one_row_at_a_time(store, read):
    list_id = read(
        with_numbers(1, MOBILE, HOME), with_numbers(2, HOME), with_numbers(3, MOBILE, WORK), with_numbers(4, HOME, WORK)
    )
    assert choose(store, list_id) == [MOBILE, HOME, WORK]
    assert results(store, list_id) == {"": 3, "duplicate_number": 1}
    listed(store, MOBILE)
    # Its other number is another row's.
    assert choose(store, list_id) == [HOME, WORK]


def test_all_numbers_of_a_row_have_one_call_at_a_time(store):
    def take(number, attempt):
        others = tuple(each for each in ALL if each != number)
        key = f"row/{attempt}"
        return store.claims.take(
            claim_request(key, base_key="row", to_number=number, attempt=attempt, other_numbers=others)
        )

    first = take(MOBILE, 1).claim
    for going_on in (lambda: None, lambda: store.claims.record_queued(first, "call-1")):
        going_on()
        assert take(HOME, 2).conflict.reason == ConflictReason.KEY
        assert take(HOME, 1).conflict.reason == ConflictReason.KEY
    deliver(store, "call-1", to_number=MOBILE, call_outcome="voicemail")
    second = take(HOME, 2).claim
    assert second is not None
    store.claims.record_unknown(second, "lost")
    assert state(store, second.ref) == "unknown"
    assert take(WORK, 3).conflict.ref == second.ref
    # Another person's number under the same key still conflicts.
    other = claim_request("row/4", base_key="row", to_number=OTHER, attempt=4)
    assert store.claims.take(other).conflict.reason == ConflictReason.NUMBER


def call_and_reject(store, list_id, code="invalid_phone"):
    """Call the row that is due, which VoiceInfra rejects, and return whether it is due again at another number."""
    [row] = store.row_numbers.choose(list_id, due(store, list_id))
    ours = claim(store, "row", to_number=row.to_number, list_id=list_id, list_row=row.id)
    store.claims.record_rejected(ours, code, "no")
    return store.row_numbers.pass_over(row.id, ours.ref)


def test_numbers_that_voiceinfra_rejects_as_invalid_are_passed_over_in_turn(store, read):
    list_id = read(with_numbers(1, *ALL))
    assert [call_and_reject(store, list_id) for _ in ALL] == [True, True, False]
    assert due(store, list_id) == []


def test_a_number_is_not_called_again_because_the_others_are_listed(store, read):
    list_id = read(with_numbers(1, *ALL))
    for each in (HOME, WORK):
        listed(store, each)
    assert not call_and_reject(store, list_id)
    assert due(store, list_id) == []


def test_a_number_is_not_called_again_because_the_other_is_another_rows(store, read):
    list_id = read(with_numbers(2, HOME), with_numbers(1, MOBILE, HOME))
    [other] = store.list_rows.due(list_id, datetime.now(UTC), 1)
    store.list_rows.done(other, "answered", "vc_1")
    assert not call_and_reject(store, list_id)
    assert due(store, list_id) == []


def test_a_callee_who_opts_out_meanwhile_is_called_at_no_number_instead_of_a_rejected_one(open_store):
    store = open_store(opt_out_field="opted_out")
    list_id = store.lists.open(TASK)
    store.lists.add(list_id, [with_numbers(1, *ALL)], store.lists.begin_import(list_id))
    queued(store, "call-1", to_number=WORK)
    [row] = store.row_numbers.choose(list_id, due(store, list_id))
    ours = claim(store, "row", to_number=row.to_number, list_id=list_id, list_row=row.id)
    deliver(store, "call-1", to_number=WORK, extracted_data={"opted_out": True})
    store.claims.record_rejected(ours, "invalid_phone", "no")
    assert not store.row_numbers.pass_over(row.id, ours.ref)


def test_a_rejection_for_another_reason_passes_over_no_number(store, read):
    assert not call_and_reject(store, read(with_numbers(1, *ALL)), code="invalid_agent")


def test_a_row_takes_over_its_numbers_when_it_is_read_again(store, read):
    list_id = read(with_numbers(1, MOBILE, HOME))
    read(with_numbers(1, WORK, OTHER))
    assert choose(store, list_id) == [WORK]
    [row] = due(store, list_id)
    assert row.numbers == [WORK, OTHER]


def test_a_row_in_a_call_is_the_same_row_when_that_number_is_gone_from_the_source(store, read):
    list_id = read(with_numbers(1, MOBILE, HOME))
    [row] = store.row_numbers.choose(list_id, due(store, list_id))
    queued(store, "call-1", to_number=MOBILE, list_id=list_id, list_row=row.id)
    read(with_numbers(1, HOME))
    assert due(store, list_id) == []
    assert store.lists.counts(list_id) == {("open", ""): 1}


@pytest.mark.parametrize("number", ALL)
def test_erasing_a_number_removes_the_row_that_has_it(store, read, number):
    list_id = read(with_numbers(1, *ALL), with_numbers(2, OTHER))
    store.retention.erase(number)
    assert choose(store, list_id) == [OTHER]
