"""A person makes rows that have ended due again: a new attempt, and never a second call to who may be talking."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_voiceinfra.store.lists.list_states import ListState
from airflow_provider_voiceinfra.store.lists.redials import RedialError
from tests.support.list_samples import TASK, row
from tests.support.store_samples import claim, claim_request, deliver, queued

RESULTS = ["failed", "voicemail", "answered", "rejected", "overdue", "unknown"]


def read(store, *new, clear=0):
    list_id = store.lists.open(TASK)
    import_version = store.lists.begin_import(list_id)
    store.lists.add(list_id, new, import_version)
    store.lists.finish_import(list_id, import_version, clear)
    return list_id


def due(store, list_id):
    return store.list_rows.due(list_id, datetime.now(UTC) + timedelta(seconds=1), 100)


def fields(row, list_id, attempt):
    return {"base_key": row.key, "to_number": row.to_number, "list_id": list_id, "list_row": row.id, "source": TASK} | {
        "attempt": attempt
    }


def end(store, list_id, row, result):
    """Call a row, whose call ends like this; gives its ref."""
    ours = claim(store, row.key, **fields(row, list_id, 1))
    if result == "rejected":
        store.claims.record_rejected(ours, "invalid_phone", "no")
    elif result == "unknown":
        store.claims.record_unknown(ours, "no answer")
    else:
        store.claims.record_queued(ours, row.key)
        if result == "overdue":
            store.claims.record_overdue(row.key)
        else:
            deliver(store, row.key, to_number=row.to_number, call_outcome=result)
    store.list_rows.done(row, result, ours.ref)
    return ours.ref


@pytest.fixture
def ended(store):
    """A list with a row for each result; gives its id and the refs of its calls."""
    list_id = read(store, *[row(position, result) for position, result in enumerate(RESULTS, 1)])
    return list_id, {each.key: end(store, list_id, each, each.key) for each in due(store, list_id)}


def again(store, row, list_id):
    """Claim the next call of a row."""
    return store.claims.take(claim_request(f"{row.key}/{row.attempt}", **fields(row, list_id, row.attempt)))


@pytest.mark.parametrize(("result", "attempt"), [("failed", 2), ("voicemail", 2), ("rejected", 1)])
def test_rows_with_a_result_are_due_again_and_who_asked_is_kept(store, ended, result, attempt):
    list_id, refs = ended
    store.list_states.done(list_id)
    assert store.redials.by_result(list_id, result, actor="ada") == 1
    [again_due] = due(store, list_id)
    assert (again_due.key, again_due.attempt) == (result, attempt)
    assert again(store, again_due, list_id).claim is not None
    last = store.calls.history(store.calls.get(refs[result]).id)[-1]
    assert (last.kind, last.actor) == ("redial_requested", "ada")
    assert store.list_pages.get(list_id).state == ListState.PLANNED


def test_a_list_with_rows_that_are_due_again_is_not_done(store, ended):
    list_id, _ = ended
    store.list_states.dialling(list_id)
    store.redials.by_result(list_id, "failed", actor="ada")
    assert not store.list_states.done(list_id)
    assert store.list_pages.get(list_id).state == ListState.DIALLING


@pytest.mark.parametrize("result", ["answered", "no_goal", "unknown", "overdue"])
def test_who_was_reached_or_may_be_talking_is_not_redialled_by_result(store, ended, result):
    with pytest.raises(RedialError, match=result):
        store.redials.by_result(ended[0], result, actor="ada")
    assert due(store, ended[0]) == []


def test_rows_that_are_overdue_are_redialled_by_ref_and_never_unknown_or_answered_ones(store, ended):
    list_id, refs = ended
    assert store.redials.by_ref(list_id, refs.values(), actor="ada") == {
        refs[result] for result in ("failed", "voicemail", "rejected", "overdue")
    }
    [overdue] = [each for each in due(store, list_id) if each.key == "overdue"]
    assert again(store, overdue, list_id).claim is not None


def test_an_overdue_call_that_nobody_asked_to_redial_stays_a_conflict(store, ended):
    list_id, refs = ended
    overdue = row(RESULTS.index("overdue") + 1).to_number
    request = claim_request("overdue/2", base_key="overdue", to_number=overdue, attempt=2, list_id=list_id, source=TASK)
    assert store.claims.take(request).conflict.ref == refs["overdue"]


def test_an_answer_that_comes_after_the_request_and_before_the_redial_prevents_it(store, ended):
    list_id, refs = ended
    store.redials.by_ref(list_id, [refs["overdue"]], actor="ada")
    [overdue] = due(store, list_id)
    deliver(store, "overdue", to_number=overdue.to_number, call_outcome="answered")
    assert again(store, overdue, list_id).conflict.ref == refs["overdue"]


def test_a_call_that_is_overdue_and_turns_out_to_have_failed_is_redialled(store, ended):
    list_id, refs = ended
    store.redials.by_ref(list_id, [refs["overdue"]], actor="ada")
    [overdue] = due(store, list_id)
    deliver(store, "overdue", to_number=overdue.to_number, call_outcome="failed")
    assert again(store, overdue, list_id).claim is not None


def test_a_row_whose_call_was_another_lists_is_not_redialled(store):
    list_id = read(store, row(1, "a"))
    theirs = queued(store, "theirs", to_number=row(1).to_number)
    deliver(store, "theirs", to_number=row(1).to_number, call_outcome="failed")
    store.list_rows.done(due(store, list_id)[0], "already_called", theirs.ref)
    assert store.redials.by_ref(list_id, [theirs.ref], actor="ada") == set()


def test_another_environment_redials_nobody(ended, open_store):
    staging = open_store(environment="staging")
    assert staging.redials.by_result(ended[0], "failed", actor="ada") == 0


def test_rows_that_are_due_again_stay_so_when_the_task_is_cleared_to_dial_them(store, ended):
    list_id, _ = ended
    store.redials.by_result(list_id, "failed", actor="ada")
    read(store, row(1, "other", "+14155559999"), clear=1)
    assert {each.key for each in due(store, list_id)} == {"failed", "other"}


def test_a_row_that_ends_again_meanwhile_is_redialled_once(store, ended, monkeypatch):
    list_id, _ = ended
    redial, asked = type(store.redials)._redial, []

    def dialled_and_failed_again(self, its_list, which, actor):
        refs = redial(self, its_list, which, actor)
        asked.extend(refs)
        assert len(asked) < 3
        for each in due(store, list_id) if refs else ():
            store.list_rows.done(each, "failed", refs[0])
        return refs

    monkeypatch.setattr(type(store.redials), "_redial", dialled_and_failed_again)
    assert store.redials.by_result(list_id, "failed", actor="ada") == 1


@pytest.mark.parametrize("result", ["already_called", "expired", "given_up", "suppressed"])
def test_who_was_not_called_is_called_by_a_new_run(store, result):
    with pytest.raises(RedialError, match="a new run of the DAG"):
        store.redials.by_result(store.lists.open(TASK), result, actor="ada")
