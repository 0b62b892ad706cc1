"""A row that was called and is not redialled ends as its last call did, whatever prevents the redial."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.guard.pauses import Scope
from airflow_provider_voiceinfra.store.guard.rules import Rules
from airflow_provider_voiceinfra.store.lists.row_values import NewRow, RowStep
from airflow_provider_voiceinfra.store.models import Extraction, Goal
from tests.support.list_samples import TASK, row
from tests.support.store_samples import claim, claim_request, deliver, rows

ADA, BOB = "+14155550101", "+14155550102"
EXPIRED = Rules(not_after=datetime(2026, 1, 1, tzinfo=UTC))


def due(store, list_id):
    return store.list_rows.due(list_id, datetime.now(UTC) + timedelta(days=1), 9)


def fields(list_id, due_row):
    its = {"base_key": "a", "to_number": due_row.to_number, "list_id": list_id, "list_row": due_row.id}
    return its | {"source": TASK, "attempt": due_row.attempt}


class Called:
    """A list whose only row was called, went to voicemail, and is to be redialled."""

    def __init__(self, store, *numbers):
        self.store = store
        self.list_id = store.lists.open(TASK)
        new = NewRow(1, "a", ADA, {}, {}, numbers=numbers)
        store.lists.add(self.list_id, [new], store.lists.begin_import(self.list_id))
        [due_row] = due(store, self.list_id)
        ours = claim(store, "a", **fields(self.list_id, due_row))
        store.claims.record_queued(ours, "call-1")
        deliver(store, "call-1", to_number=ADA, call_outcome="voicemail")
        self.first_ref = ours.ref
        step = RowStep(due_row.id, due_row.import_version, datetime.now(UTC), due_row.attempt + 1)
        store.list_rows.record_steps([step])

    def request(self, **changes):
        [due_row] = due(self.store, self.list_id)
        return claim_request(f"a/{due_row.attempt}", **fields(self.list_id, due_row) | changes)

    def result(self):
        """How the row has ended, and the ref of the call that it names."""
        [found] = rows(self.store, schema.call_list_row)
        assert found.state == "done"
        assert found.ended_at is not None
        return found.result, found.call_ref


@pytest.fixture
def called(store):
    return Called(store)


def pause(store):
    store.pauses.pause(Scope.ALL, "", reason="wrong date", actor="ada")


def is_deferred(called):
    """Let a pause defer the redial, which gets a call of its own by that."""
    pause(called.store)
    assert called.store.claims.take(called.request()).denied.state == "waiting"


def is_listed(called):
    called.store.do_not_call.add([ADA], actor="ada", reason="moved")
    assert called.store.claims.take(called.request()).denied.state == "do_not_call"


def is_expired(called):
    assert called.store.claims.take(called.request(rules=EXPIRED)).denied.state == "expired"


def is_listed_before_the_post(called):
    ours = called.store.claims.take(called.request()).claim
    called.store.do_not_call.add([ADA], actor="ada", reason="moved")
    assert called.store.claims.request_permit(ours).denied.state == "do_not_call"


def is_given_up(called):
    assert called.store.list_rows.give_up(called.list_id) == 1


def is_suppressed(called):
    assert called.store.list_rows.end_named(called.list_id, ["a"], "suppressed") == 1


def is_not_eligible(called):
    assert called.store.list_rows.end_others(called.list_id, [["b"]], "not_eligible") == 1


def is_cancelled(called):
    pause(called.store)
    assert called.store.pauses.resume(Scope.ALL, "", actor="bob", cancel=True) == 1


ENDS = [is_listed, is_expired, is_listed_before_the_post, is_given_up, is_suppressed, is_not_eligible, is_cancelled]


@pytest.mark.parametrize("ends", ENDS)
def test_it_ends_as_its_last_call_did(called, ends):
    ends(called)
    assert called.result() == ("voicemail", called.first_ref)


@pytest.mark.parametrize("ends", [is_expired, is_listed, is_given_up, is_suppressed, is_cancelled])
def test_so_does_one_whose_redial_was_deferred_before(called, ends):
    is_deferred(called)
    if ends in {is_listed, is_expired}:
        called.store.pauses.resume(Scope.ALL, "", actor="bob")
    ends(called)
    assert called.result() == ("voicemail", called.first_ref)


def test_so_does_one_of_which_no_number_is_left(store):
    called = Called(store, ADA, BOB)
    store.do_not_call.add([ADA, BOB], actor="ada", reason="moved")
    assert store.row_numbers.choose(called.list_id, due(store, called.list_id)) == []
    assert called.result() == ("voicemail", called.first_ref)


def test_one_that_was_answered_without_reaching_its_goal_ends_so(called):
    called.store.extractions.record({called.first_ref: Extraction(goal=Goal.MISSED)})
    is_deferred(called)
    is_given_up(called)
    assert called.result() == ("no_goal", called.first_ref)


def test_a_person_may_ask_for_its_redial(called):
    is_expired(called)
    assert called.store.redials.by_result(called.list_id, "voicemail", actor="ada") == 1
    assert called.store.claims.take(called.request()).claim is not None


def test_one_that_was_never_called_ends_as_what_prevents_it(store):
    list_id = store.lists.open(TASK)
    store.lists.add(list_id, [row(1), row(2)], store.lists.begin_import(list_id))
    blocked, _ = due(store, list_id)
    request = claim_request("b", **fields(list_id, blocked) | {"base_key": "b", "rules": EXPIRED})
    ref = store.claims.take(request).denied.ref
    store.list_rows.give_up(list_id)
    found = [(each.result, each.call_ref) for each in rows(store, schema.call_list_row)]
    assert found == [("expired", ref), ("given_up", None)]
