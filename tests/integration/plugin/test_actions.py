"""Acts do what the commands do, ask once more, and are recorded with who did them."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from airflow_provider_voiceinfra.store.guard.pauses import Scope
from airflow_provider_voiceinfra.store.models import Source
from tests.integration.plugin.conftest import NUMBER, act, claim, deliver, get, queued, toast
from tests.support.rights import rights
from tests.support.store_samples import claim_request

SOURCE = Source("one", "run", "run", "task")


@pytest.fixture
def editor(visit):
    return visit("eve", rights(read="one", content="one", edit="one"))


def test_a_pause_is_made_and_ended_and_names_who_did_it(editor, store):
    claim(store, "seen", source=SOURCE)
    assert "What: <b>DAG one</b>" in get(editor, "/pauses/pause", scope="dag", name="one").text
    assert toast(act(editor, "/pauses/pause", scope="dag", name="one", reason=" the wrong date ")) == (
        "DAG one is paused: no new calls start."
    )
    [pause] = store.pauses.in_force()
    assert (pause.scope, pause.name, pause.reason, pause.paused_by) == (Scope.DAG, "one", "the wrong date", "eve")
    for path in ("/pauses", "/pauses/now"):
        assert "DAG one" in get(editor, path).text
    assert "Cancel the waiting calls" in get(editor, "/pauses/resume", scope="dag", name="one").text
    assert "waiting calls are placed" in toast(act(editor, "/pauses/resume", scope="dag", name="one"))
    assert store.pauses.in_force() == []
    again = act(editor, "/pauses/resume", scope="dag", name="one")
    assert (again.status_code, "is not paused any more" in again.text) == (422, True)


def test_what_waits_is_cancelled_where_that_is_ticked(editor, store):
    act(editor, "/pauses/pause", scope="dag", name="one", reason="x", force="true")
    waiting = store.claims.take(claim_request(source=SOURCE)).denied
    assert "1 call was cancelled" in toast(act(editor, "/pauses/resume", scope="dag", name="one", cancel="true"))
    [*_, last] = store.calls.history(store.calls.get(waiting.ref).id)
    assert (last.kind, last.actor) == ("cancelled", "eve")


@pytest.mark.parametrize(
    ("form", "wrong"),
    [
        ({"scope": "dag", "name": " ", "reason": "x"}, "Enter the DAG id."),
        ({"scope": "dag", "name": "one"}, "Enter a reason"),
        ({"scope": "dag", "name": "one", "reason": "x"}, "DAG one has no calls yet. Is it spelt correctly?"),
        ({"scope": "dag", "name": "one", "reason": "x", "until": "2026-01-01T09:00"}, "The end must be in the future."),
    ],
)
def test_a_form_that_lacks_something_is_asked_again(editor, store, form, wrong):
    answer = act(editor, "/pauses/pause", **form)
    assert (answer.status_code, wrong in answer.text) == (422, True)
    assert store.pauses.in_force() == []


@pytest.mark.parametrize(
    "form", [{"scope": "nothing", "reason": "x"}, {"reason": "x"}, {"scope": "all", "reason": "x" * 501}]
)
def test_a_form_that_nobody_was_given_is_refused(visit, store, form):
    assert act(visit(), "/pauses/pause", **form).status_code == 422
    assert store.pauses.in_force() == []


def test_everything_takes_no_name_and_no_scope_is_preselected(visit, store):
    answer = act(visit(), "/pauses/pause", scope="all", name="one", reason="x")
    assert (answer.status_code, "Everything takes no name" in answer.text) == (422, True)
    assert store.pauses.in_force() == []
    assert '<option value="" selected disabled>' in get(visit(), "/pauses/pause").text


def test_a_pause_ends_by_itself_and_the_widest_is_named_first(visit, store):
    claim(store, "seen", source=SOURCE)
    assert "is paused" in toast(act(visit(), "/pauses/pause", scope="dag", name="one", reason="x"))
    assert "is paused" in toast(
        act(visit(), "/pauses/pause", scope="all", reason="x", until="2126-12-01T09:00", force="true")
    )
    assert store.pauses.in_force()[0].ends_at == datetime(2126, 12, 1, 9, tzinfo=UTC)
    assert ">Everything</span> is paused, and 1 more</a>" in get(visit(), "/pauses/now").text
    assert "2126-12-01" in get(visit(), "/pauses").text


def test_everything_is_asked_for_twice(visit, store):
    answer = act(visit(), "/pauses/pause", scope="all", reason="x")
    assert answer.status_code == 422
    assert "This stops every call of this environment" in answer.text
    assert "Pause it all the same" in answer.text
    assert store.pauses.in_force() == []


def test_names_of_the_chosen_scope_are_offered_as_far_as_they_may_be_paused(visit, editor, store):
    claim(store, "one", source=SOURCE, agent_id="agent_a")
    claim(store, "two", source=Source("two", "run", "run", "task"), agent_id="agent_b")

    def offered(client, scope):
        return re.findall('<option value="([^"]*)"></option>', get(client, "/pauses/pause", scope=scope).text)

    assert offered(visit(), "agent") == ["agent_a", "agent_b"]
    assert offered(visit(), "connection") == ["voiceinfra_default"]
    assert offered(visit(), "dag") == ["one", "two"]
    assert offered(editor, "dag") == ["one"]
    ours, other = (store.lists.open(Source(dag_id, "run", "run", "call")) for dag_id in ("one", "two"))
    assert set(offered(visit(), "list")) == {ours, other}
    assert offered(editor, "list") == [ours]
    assert offered(editor, "agent") == []
    assert 'name="name"' not in get(visit(), "/pauses/pause", scope="all").text


def test_an_editor_is_offered_what_they_may_pause(visit, editor):
    offered = get(editor, "/pauses/pause").text
    assert "a DAG" in offered
    assert "everything" not in offered.replace("unless everything", "")
    assert ">everything<" in get(visit(), "/pauses/pause").text


def test_an_unknown_call_is_resolved_by_what_was_found_out(editor, store):
    ours, other = (claim(store, key, source=SOURCE) for key in ("one", "two"))
    for each in (ours, other):
        store.claims.record_unknown(each, "no answer")
    deliver(store, "strange", agent_id="agent", from_number="+14155550199")
    assert 'value="strange"' in get(editor, f"/{ours.ref}/resolve").text
    assert "Enter the call_id" in act(editor, f"/{ours.ref}/resolve", found="placed").text
    assert "is resolved: it was placed" in toast(act(editor, f"/{ours.ref}/resolve", found="placed", call_id="strange"))
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
    answer = act(editor, f"/{ours.ref}/do-not-call", reason="asked by mail")
    assert toast(answer) == "The callee is on the do-not-call list."
    [event] = store.do_not_call.history(NUMBER)
    assert (event.action, event.actor, event.reason) == ("added", "eve", "asked by mail")
    assert "was already on the do-not-call list" in toast(act(editor, f"/{ours.ref}/do-not-call"))


def test_who_sees_no_numbers_learns_none_by_acting(visit, store):
    ours = queued(store, "call-1", source=SOURCE)
    client = visit("eve", rights(read="one", edit="one"))
    assert NUMBER not in get(client, f"/{ours.ref}/do-not-call").text
    assert NUMBER not in act(client, f"/{ours.ref}/do-not-call").text
