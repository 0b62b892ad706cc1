"""The overview: of all calls, or of one DAG, agent or list; how many are answered, and when."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from urllib.parse import quote
from zoneinfo import ZoneInfo

from airflow_provider_voiceinfra.store.models import Source
from tests.integration.plugin.conftest import deliver, get, queued
from tests.integration.plugin.test_pages import text
from tests.support.rights import rights


def complete(store, call_id, outcome="answered", dag_id="one", start=None, **changes):
    queued(store, call_id, source=Source(dag_id, "run", "run", "task"), **changes)
    deliver(store, call_id, call_outcome=outcome, start_time=(start or datetime.now(UTC)).isoformat())


def test_it_is_filtered_by_dag_agent_and_list_and_each_link_keeps_the_filter(visit, store):
    complete(store, "one", agent_id="ada", list_id="vl_1")
    complete(store, "two", "voicemail", agent_id="bob")
    complete(store, "three", "failed", dag_id="two", agent_id="ada")
    client = visit()
    for query, counts in (
        ({}, "1 answered 1 voicemail 1 failed 33% answered rate"),
        ({"dag": "one"}, "1 answered 1 voicemail 0 failed 50% answered rate"),
        ({"agent": "ada"}, "1 answered 0 voicemail 1 failed 50% answered rate"),
        ({"list": "vl_1"}, "1 answered 0 voicemail 0 failed 100% answered rate"),
        ({"dag": "two", "agent": "bob"}, "0 answered 0 voicemail 0 failed 0:00 talk time"),
    ):
        assert counts in text(get(client, "/overview", **query)), query
        assert counts in text(get(client, "/overview/now", **query)), query
    page = get(client, "/overview", dag="one", agent="ada & bob").text
    for link in ("/?state=queued", "/overview?period=day", "/overview/now?period=week"):
        assert f"{link}&amp;dag=one&amp;agent=ada+%26+bob" in page, link
    assert 'value="ada &amp; bob"' in page


def test_a_filter_offers_and_shows_nothing_that_the_user_may_not_see(visit, store):
    complete(store, "one", agent_id="agent_of_one")
    list_id = store.lists.open(Source("one", "run", "run", "list"))
    client = visit("bob", rights(read="two"))
    shown = get(client, "/overview").text
    assert not any(name in shown for name in ('"one"', "agent_of_one", list_id))
    assert "0 answered" in text(get(client, "/overview", dag="one"))
    assert all(name in get(visit(), "/overview").text for name in ('"one"', "agent_of_one", list_id))


def test_the_answered_rate_is_shown_by_hour_and_weekday_in_the_visitors_zone(visit, store):
    start = datetime.now(UTC) - timedelta(minutes=90)
    for number, outcome in enumerate(["answered", "answered", "voicemail"]):
        complete(store, f"call-{number}", outcome, start=start)
    for zone in ("UTC", "Asia/Tokyo"):
        client = visit()
        client.cookies.set("voiceinfra_zone", quote(zone, safe=""))
        table = re.search(r'<table class="heat">(.*?)</table>', get(client, "/overview").text, re.DOTALL)[1]
        rows = dict(re.findall(r'<th scope="row">(\d\d:00)</th>(.*?)</tr>', table))
        filled = {
            (hour, weekday): re.sub(r"<[^>]+>", "", cell)
            for hour, row in rows.items()
            for weekday, cell in enumerate(row.split("</td>"))
            if "%" in cell
        }
        local = start.astimezone(ZoneInfo(zone))
        assert filled == {(f"{local:%H}:00", local.weekday()): "67% of 3"}
        assert zone in table
        assert len(rows) == 24
