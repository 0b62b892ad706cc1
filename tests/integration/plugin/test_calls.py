"""What the Calls page tells the team that runs it: each call at a glance, what to do, and a file of what was found."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.guard.rules import Rule
from airflow_provider_voiceinfra.store.models import CallState, Source
from airflow_provider_voiceinfra.store.reads import call_pages
from tests.integration.plugin.conftest import NUMBER, claim, deliver, find, get, queued
from tests.integration.plugin.test_pages import text
from tests.support.rights import rights


def change(store, ref, **values):
    with store.database.write() as tx:
        tx.execute(sa.update(schema.call).where(schema.call.c.ref == ref).values(**values))


def test_the_list_shows_how_long_a_call_was_and_what_came_of_it(visit, store):
    queued(store, "call-1", source=Source("one"))
    deliver(store, "call-1", summary="Moved to Friday.", duration_seconds=65)
    assert re.search(r"answered 1:05 .*Moved to Friday\.", text(get(visit())))
    # Who may not read a DAG's content sees neither its numbers nor its words.
    masked = text(get(visit("ada", rights(read="one"))))
    assert "1:05" in masked
    assert "Moved" not in masked


def test_calls_are_found_by_agent_and_connection(visit, store):
    ours = claim(store, "one", agent_id="agent_a")
    other = claim(store, "two", agent_id="agent_b")
    for query in ({"agent": "agent_a"}, {"agent": "agent_a", "connection": "voiceinfra_default"}):
        shown = get(visit(), **query).text
        assert ours.ref in shown
        assert other.ref not in shown
    assert ours.ref not in get(visit(), connection="voiceinfra_eu").text


def test_one_box_finds_a_call_by_whatever_is_known_of_it(visit, store):
    metadata = {"appointment": 7, "clinic": "North Side"}
    ours = queued(store, "call-1", source=Source("one"), to_number="+14155550123", metadata=metadata)
    other = queued(store, "call-2", source=Source("two"), metadata={"appointment": 8})
    client = visit()
    known = (ours.ref, "call-1", "0123", "+1 (415) 555-0123", "one", "appointment:7", "clinic: North Side")
    for known_of_it in known:
        shown = client.get(find(client, q=f" {known_of_it} ")).text
        assert f'id="{ours.ref}"' in shown
        assert f'id="{other.ref}"' not in shown
        assert "1-1 of 1" in shown
    assert f'id="{ours.ref}"' not in client.get(find(client, q="call-1", dag="two")).text


def test_the_list_shows_which_calls_it_shows_of_how_many(visit, store, monkeypatch):
    monkeypatch.setattr(call_pages, "PAGE", 2)
    for number in range(5):
        claim(store, str(number), source=Source("one"))
    claim(store, "other", source=Source("two"))
    client = visit()
    page = get(client, dag="one")
    assert "1-2 of 5" in page.text
    older = re.search(r'href="([^"]+)" rel="next"', page.text)[1].replace("&amp;", "&")
    assert "3-4 of 5" in client.get(older).text
    assert "4-5 of 5" in get(client, last="1", dag="one").text
    assert "1-2 of 5" in get(visit("ada", rights(read="one"))).text
    monkeypatch.setattr(call_pages, "WINDOW", 3)
    assert "1-2 of 3+" in get(client).text
    assert "3+ calls" in get(client, last="1").text


def test_the_latest_hours_and_days_are_a_link_away(visit, store):
    new, old = claim(store, "new"), claim(store, "old")
    change(store, old.ref, claimed_at=datetime.now(UTC) - timedelta(days=3))
    client = visit()
    page = get(client, dag="dag").text

    def follow(label):
        return client.get(re.search(rf'href="([^"]+)">{label}</a>', page)[1].replace("&amp;", "&")).text

    for label, shows_old in (("24 hours", False), ("7 days", True)):
        found = follow(label)
        assert 'value="dag"' in found
        assert new.ref in found
        assert (old.ref in found) == shows_old


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_what_was_found_is_exported_whole_and_without_its_content(visit, store, monkeypatch, suffix):
    monkeypatch.setattr(call_pages, "PAGE", 2)
    refs = [queued(store, f"call-{number}", source=Source("one")).ref for number in range(5)]
    other = queued(store, "other", source=Source("two"))
    deliver(store, "call-1", summary="secret words")

    def export(client):
        answer = get(client, "/export", dag="one", format=suffix)
        assert "attachment" in answer.headers["content-disposition"]
        assert "secret words" not in answer.text
        assert other.ref not in answer.text
        if suffix == "csv":
            return list(csv.DictReader(io.StringIO(answer.text)))
        return [json.loads(line) for line in answer.text.splitlines()]

    rows = export(visit())
    assert [row["ref"] for row in rows] == refs[::-1]
    assert {row["number"] for row in rows} == {NUMBER}
    assert [row["outcome"] for row in rows if row["ref"] == refs[1]] == ["answered"]
    assert {row["number"] for row in export(visit("ada", rights(read="one")))}.isdisjoint({NUMBER})
    assert get(visit(), "/export", format="xlsx").status_code == 422
    assert export(visit("bob", rights(read="two"))) == []


NEED_NOTHING = {CallState.CLAIMED, CallState.QUEUED, CallState.COMPLETED}
HAS_A_SECTION = {CallState.UNKNOWN}


@pytest.mark.parametrize("state", sorted(set(CallState) - NEED_NOTHING - HAS_A_SECTION))
def test_each_state_that_is_not_plain_success_says_what_can_be_done(visit, store, state):
    ours = claim(store, "one")
    change(store, ours.ref, state=state)
    assert 'aria-label="What you can do"' in get(visit(), f"/{ours.ref}").text


@pytest.mark.parametrize("rule", [rule for rule in Rule if rule.state == CallState.WAITING])
def test_a_call_that_waits_says_for_what_and_until_when(visit, store, rule):
    ours = claim(store, "one")
    change(store, ours.ref, state="waiting", rule=rule, wait_until=datetime(2026, 12, 1, 9, 30, tzinfo=UTC))
    shown = text(get(visit(), f"/{ours.ref}"))
    assert re.search(r"Waiting[^,.]*, until 01 Dec 2026, 09:30:00 UTC", shown)
    change(store, ours.ref, state="queued")
    assert "What you can do" not in get(visit(), f"/{ours.ref}").text


def test_the_attempts_of_a_call_lead_to_each_other(visit, store):
    first = queued(store, "call-1")
    assert 'id="attempts"' not in get(visit(), f"/{first.ref}").text
    deliver(store, "call-1", call_outcome="voicemail")
    second = queued(store, "call-2", base_key="call-1", attempt=2)
    for ours, other in ((first, second), (second, first)):
        page = get(visit(), f"/{ours.ref}")
        assert "Attempts 1: voicemail · 2: queued" in text(page)
        assert f'href="/voiceinfra/calls/{other.ref}">' in page.text.partition('id="attempts"')[2]


def test_who_talks_is_the_agent_or_the_callee(visit, store):
    ours = queued(store, "call-1")
    deliver(store, "call-1", transcript="Agent: Hello.\nCaller: Good morning.")
    assert "Callee Good morning." in text(get(visit(), f"/{ours.ref}"))


def test_the_form_that_resolves_a_call_names_its_number_and_time(visit, store):
    ours = claim(store, "one")
    store.claims.record_unknown(ours, "no answer")
    change(store, ours.ref, claimed_at=datetime(2026, 12, 1, 9, 30, tzinfo=UTC))
    headers = {"HX-Request": "true", "Sec-Fetch-Site": "same-origin"}
    form = visit().get(f"/voiceinfra/calls/{ours.ref}/resolve", headers=headers).text
    assert NUMBER in form
    assert "01 Dec 2026, 09:30:00 UTC" in form
