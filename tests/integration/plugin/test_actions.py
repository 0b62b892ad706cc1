"""Acts do what the commands do, ask once more, and are recorded with who did them."""

from __future__ import annotations

import pytest

from airflow_provider_voiceinfra.store.guard.pauses import Scope
from airflow_provider_voiceinfra.store.guard.rules import Refused
from airflow_provider_voiceinfra.store.models import Source
from tests.integration.plugin.conftest import NUMBER, act, claim, deliver, get, queued, rights, toast
from tests.unit.store.samples import new_call

SOURCE = Source("one", "run", "run", "task")


@pytest.fixture
def editor(visit):
    return visit("eve", rights(read="one", content="one", edit="one"))


def test_a_hold_is_placed_and_released_and_says_by_whom(editor, store):
    assert "What: <b>DAG one</b>" in get(editor, "/holds/place", scope="dag", name="one").text
    assert toast(act(editor, "/holds/place", scope="dag", name="one", why=" the wrong date ")) == (
        "DAG one is held: no new call of it starts."
    )
    [hold] = store.holds.in_force()
    assert (hold.scope, hold.name, hold.why, hold.held_by) == (Scope.DAG, "one", "the wrong date", "eve")
    for path in ("/holds", "/holds/now"):
        assert "DAG one" in get(editor, path).text
    assert "Cancel what waits" in get(editor, "/holds/release", scope="dag", name="one").text
    assert "what waits goes on" in toast(act(editor, "/holds/release", scope="dag", name="one"))
    assert store.holds.in_force() == []
    again = act(editor, "/holds/release", scope="dag", name="one")
    assert (again.status_code, "is not held any more" in again.text) == (422, True)


def test_what_waits_is_cancelled_where_that_is_ticked(editor, store):
    act(editor, "/holds/place", scope="dag", name="one", why="x")
    waiting = store.claims.take(new_call(source=SOURCE))
    assert isinstance(waiting, Refused)
    assert "1 calls are cancelled" in toast(act(editor, "/holds/release", scope="dag", name="one", cancel="true"))
    [*_, last] = store.calls.history(store.calls.get(waiting.ref).id)
    assert (last.kind, last.actor) == ("cancelled", "eve")


@pytest.mark.parametrize(
    ("form", "wrong"),
    [({"scope": "dag", "name": " ", "why": "x"}, "Say which dag."), ({"scope": "dag", "name": "one"}, "Say why")],
)
def test_a_form_that_lacks_something_is_asked_again(editor, store, form, wrong):
    answer = act(editor, "/holds/place", **form)
    assert (answer.status_code, wrong in answer.text) == (422, True)
    assert store.holds.in_force() == []


@pytest.mark.parametrize("form", [{"scope": "nothing", "why": "x"}, {"why": "x"}, {"scope": "all", "why": "x" * 501}])
def test_a_form_that_nobody_was_given_is_refused(visit, store, form):
    assert act(visit(), "/holds/place", **form).status_code == 422
    assert store.holds.in_force() == []


def test_an_editor_is_offered_what_they_may_hold(visit, editor):
    offered = get(editor, "/holds/place").text
    assert "a DAG" in offered
    assert "everything" not in offered.replace("unless everything", "")
    assert ">everything<" in get(visit(), "/holds/place").text


def test_an_unknown_call_is_resolved_by_what_was_found_out(editor, store):
    ours, other = (claim(store, key, source=SOURCE) for key in ("one", "two"))
    for each in (ours, other):
        store.claims.record_unknown(each, "no answer")
    deliver(store, "strange", agent_id="agent", from_number="+14155550199")
    assert 'value="strange"' in get(editor, f"/{ours.ref}/resolve").text
    assert "Give the call_id" in act(editor, f"/{ours.ref}/resolve", found="placed").text
    assert "is settled: it was placed" in toast(act(editor, f"/{ours.ref}/resolve", found="placed", call_id="strange"))
    assert store.calls.get(ours.ref).state == "completed"
    taken = act(editor, f"/{other.ref}/resolve", found="placed", call_id="strange")
    assert (taken.status_code, "is the call_id of" in taken.text) == (422, True)
    assert "not placed" in toast(act(editor, f"/{other.ref}/resolve", found="not_placed"))
    for each in (ours, other):
        assert "eve" in {event.actor for event in store.calls.history(store.calls.get(each.ref).id)}
    assert "there is nothing to resolve" in act(editor, f"/{other.ref}/resolve", found="not_placed").text
    assert act(editor, f"/{other.ref}/resolve", found="perhaps").status_code == 422


def test_a_person_is_called_no_more(editor, store):
    ours = queued(store, "call-1", source=SOURCE)
    assert NUMBER in get(editor, f"/{ours.ref}/do-not-call").text
    assert toast(act(editor, f"/{ours.ref}/do-not-call", why="asked by mail")) == "This person is not called any more."
    [event] = store.do_not_call.history(NUMBER)
    assert (event.action, event.actor, event.why) == ("added", "eve", "asked by mail")
    assert "was on the do-not-call list already" in toast(act(editor, f"/{ours.ref}/do-not-call"))


def test_who_sees_no_numbers_learns_none_by_acting(visit, store):
    ours = queued(store, "call-1", source=SOURCE)
    client = visit("eve", rights(read="one", edit="one"))
    assert NUMBER not in get(client, f"/{ours.ref}/do-not-call").text
    assert NUMBER not in act(client, f"/{ours.ref}/do-not-call").text
