"""What the pages show of calls, lists and the state of things."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from airflow_provider_voiceinfra.plugin.calls_page.calls import playable
from airflow_provider_voiceinfra.plugin.calls_page.rendering import duration
from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.guard.pauses import Scope
from airflow_provider_voiceinfra.store.lists.row_values import NewRow, RowStep
from airflow_provider_voiceinfra.store.models import Source
from airflow_provider_voiceinfra.store.reads import call_pages
from tests.integration.plugin.conftest import BASE, NUMBER, claim, deliver, get, queued
from tests.support.rights import rights

SOURCE = Source("one", "manual__1", "manual__1", "task", 3)


def text(answer):
    """The page as it is read, without markup."""
    assert answer.status_code == 200, answer.text
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.text))


def test_the_live_list_is_sent_only_where_it_has_changed(visit, store):
    claim(store, "one")
    client = visit()
    version = re.search(r"seen=(\w+)", get(client).text)[1]
    assert get(client, "/rows", seen=version).status_code == 204
    assert get(client, "/rows", seen=version, state="queued").status_code == 200
    queued(store, "two")
    changed = get(client, "/rows", seen=version)
    assert changed.status_code == 200
    assert version not in changed.text


def test_a_call_of_a_callback_of_a_dag_leads_to_its_run_and_to_no_task(visit, store):
    ref = claim(store, "one", source=Source("one", "manual__1")).ref
    for page in (get(visit()), get(visit(), f"/{ref}")):
        assert "no task" in text(page)
        assert "None" not in text(page)
        assert "/tasks/" not in page.text
    assert "/dags/one/runs/manual__1" in get(visit(), f"/{ref}").text


def test_pages_lead_to_each_other_and_keep_what_is_looked_for(visit, store, monkeypatch):
    monkeypatch.setattr(call_pages, "PAGE", 2)
    refs = [claim(store, f"{number}", source=Source("one")).ref for number in range(5)]
    client = visit()

    def follow(page, name):
        link = re.search(rf'href="([^"]+)"[^>]*>{name}</a>', page.text)[1].replace("&amp;", "&")
        return client.get(link)

    def shown(page):
        return re.findall(r'<tr id="(\w+)"', page.text)

    first = get(client, dag="one")
    assert shown(first) == [refs[4], refs[3]]
    second = follow(first, "Older")
    assert shown(second) == [refs[2], refs[1]]
    assert 'value="one"' in second.text
    last = follow(first, "Oldest")
    assert shown(last) == [refs[1], refs[0]]
    assert shown(follow(last, "Newer")) == [refs[3], refs[2]]
    # One call would be left: the newest are a whole page.
    assert shown(follow(follow(last, "Newer"), "Newer")) == [refs[4], refs[3]]
    assert shown(follow(second, "Newest")) == shown(first)


@pytest.mark.parametrize(
    "query",
    [
        {"state": "flying"},
        {"q": "123"},
        {"q": "two words"},
        {"since": "yesterday"},
        {"until": "2026-99-01"},
        {"before": "nocursor"},
        {"after": "1-"},
    ],
)
def test_what_cannot_be_looked_for_is_said(visit, query):
    answer = get(visit(), "/", **query)
    assert answer.status_code == 400
    assert next(iter(query.values())) not in answer.text.replace("2026", "")


def test_times_are_those_of_the_readers_clock(visit, store):
    ours = claim(store, "one")
    with store.database.write() as tx:
        at = datetime(2026, 7, 1, 1, 30, tzinfo=UTC)
        tx.execute(sa.update(schema.call).where(schema.call.c.id == ours.id).values(claimed_at=at))
    client = visit()
    assert "01 Jul 2026, 01:30:00" in get(client).text
    client.cookies.set("voiceinfra_zone", "America%2FNew_York")
    assert "30 Jun 2026, 21:30:00" in get(client).text
    assert ours.ref in get(client, since="2026-06-30T21:00", until="2026-06-30T22:00").text
    assert ours.ref not in get(client, since="2026-07-01T01:00").text
    for odd in ("Mars/Base", "../../etc/passwd", "%00", "x" * 500):
        client.cookies.set("voiceinfra_zone", odd)
        assert "01 Jul 2026, 01:30:00" in get(client).text


def test_a_call_is_led_to_by_its_call_id_too(visit, store):
    ours = queued(store, "call-1")
    answer = get(visit(), "/call-1")
    assert (answer.status_code, answer.headers["location"]) == (303, f"{BASE}/{ours.ref}")


def test_a_call_leads_to_its_task_run_and_list_in_airflow(visit, store, monkeypatch):
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example.com/team")
    ours = claim(store, "one", source=SOURCE, list_id="vl_1")
    shown = get(visit(), f"/{ours.ref}").text
    assert 'href="/team/dags/one/runs/manual__1/tasks/task/mapped/3"' in shown
    assert 'href="/team/dags/one/runs/manual__1"' in shown
    assert 'href="/team/voiceinfra/calls/lists/vl_1"' in shown


def test_a_calls_timeline_tells_how_often_it_was_delivered_and_by_whom_it_was_resolved(visit, store):
    ours = claim(store, "one")
    store.claims.record_unknown(ours, "no answer")
    store.resolutions.placed(ours.ref, "call-1", actor="ada")
    for summary in ("one", "one", "one", "two"):
        deliver(store, "call-1", summary=summary)
    shown = text(get(visit(), f"/{ours.ref}"))
    assert re.search(r"claimed .*unknown .*resolved by ada .*completed", shown)
    assert "delivered 3 times" in shown
    assert "delivered with a different body, which is ignored" in shown


def test_a_calls_timeline_tells_of_a_completion_of_another_number(visit, store):
    ours = queued(store, "call-1")
    deliver(store, "call-1", to_number="+14155550123")
    shown = text(get(visit(), f"/{ours.ref}"))
    assert "completion contradicts" in shown
    assert "reason: it names another to_number than was called" in shown
    assert "5550123" not in shown


def test_an_unknown_call_says_what_can_be_done(visit, store):
    ours, rival = (claim(store, key) for key in ("one", "two"))
    for each in (ours, rival):
        store.claims.record_unknown(each, "no answer")
    deliver(store, "strange", agent_id="agent", from_number="+14155550199")
    shown = text(get(visit(), f"/{ours.ref}"))
    assert "Unmatched completions that match it: strange" in shown
    assert rival.ref in shown


def test_a_purged_call_shows_that_its_words_were_removed(visit, store):
    ours = queued(store, "call-1")
    deliver(store, "call-1", summary="secret")
    store.retention.purge(datetime.now(UTC) + timedelta(days=1))
    shown = text(get(visit(), f"/{ours.ref}"))
    assert "The content of this call was purged." in shown
    assert "secret" not in shown
    assert ours.ref in get(visit()).text


@pytest.mark.parametrize(
    ("url", "plays"),
    [
        ("https://recordings.example/one.mp3?sig=a&b=c", True),
        ("http://127.0.0.1:8099/one.mp3", True),
        ("http://localhost/one.mp3", True),
        ("http://recordings.example/one.mp3", False),
        ("javascript:alert(1)", False),
        ("JaVaScRiPt:alert(1)", False),
        ("data:audio/mp3;base64,AA", False),
        ("blob:https://x/y", False),
        ("//evil.example/x", False),
        ("/voiceinfra/calls/", False),
        ("https://", False),
        ("https://[", False),
        ("https://x.example/\nfoo", False),
        ("https://x.example/" + "a" * 5_000, False),
        ("", False),
        (None, False),
    ],
)
def test_only_a_recording_at_a_safe_address_is_played(url, plays):
    assert playable(url) == (url if plays else None)


@pytest.fixture
def called_list(store):
    """A list on its way."""
    list_id = store.lists.open(Source("one", "run", "run", "list"))
    rows = [NewRow(number, f"=key-{number}", f"+1415555010{number}", {}, {}) for number in range(1, 7)]
    aside = [NewRow(7, None, "", {}, {}, "invalid_number"), NewRow(8, "-x", NUMBER, {}, {}, "invalid_timezone")]
    store.lists.add(list_id, [*rows, *aside], store.lists.begin_import(list_id))
    store.lists.finish_import(list_id, 1, 0)
    due = store.list_rows.due(list_id, datetime.now(UTC), 10)
    for row, result in zip(due, ["answered", "answered", "voicemail"], strict=False):
        store.list_rows.done(row, result, "vc_1")
    store.list_rows.called(due[3], "vc_2")
    return list_id


def test_a_list_tells_how_far_it_is_and_what_was_set_aside(visit, called_list):
    shown = text(get(visit(), f"/lists/{called_list}"))
    assert "3 of 6 done" in shown
    assert "Variants" not in shown
    assert "2 pending" in shown
    assert "1 in progress or unknown" in shown
    assert re.search(r"answered 2 66\.7% .*voicemail 1 33\.3%", shown)
    assert re.search(r"1 invalid number .*1 invalid timezone", shown)
    assert called_list in get(visit(), "/lists").text
    assert called_list not in get(visit("ada", rights(read="two")), "/lists").text


def test_a_list_compares_its_variants(visit, store, called_list):
    due = store.list_rows.due(called_list, datetime.now(UTC), 10)
    for row, variant, outcome in zip(due, ["short", "long"], ["answered", "voicemail"], strict=True):
        its = {"to_number": row.to_number, "list_id": called_list, "list_row": row.id}
        queued(store, f"call-{row.id}", **its, variant=variant)
        deliver(store, f"call-{row.id}", to_number=row.to_number, call_outcome=outcome)
        store.list_rows.record_steps([RowStep(row.id, row.import_version, result=outcome)])
    shown = text(get(visit(), f"/lists/{called_list}"))
    assert re.search(r"Variants Variant Called Answered long 1 0\.0% short 1 100\.0%", shown)


def test_a_list_is_sent_anew_only_where_it_has_changed(visit, store, called_list):
    client = visit()
    version = re.search(r"seen=(\w+)", get(client, f"/lists/{called_list}").text)[1]
    assert get(client, f"/lists/{called_list}/now", seen=version).status_code == 204
    [row, *_] = store.list_rows.due(called_list, datetime.now(UTC), 1)
    store.list_rows.done(row, "failed", "vc_3")
    assert "4 of 6 done" in text(get(client, f"/lists/{called_list}/now", seen=version))


def read_csv(answer):
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert "attachment" in answer.headers["content-disposition"]
    return list(csv.DictReader(io.StringIO(answer.text)))


def test_a_lists_rows_come_as_csv_that_no_spreadsheet_calculates(visit, called_list):
    rows = read_csv(get(visit(), f"/lists/{called_list}/rows.csv"))
    assert sorted(int(row["position"]) for row in rows) == list(range(1, 9))
    assert {row["key"] for row in rows if row["state"] == "done"} == {"'=key-1", "'=key-2", "'=key-3"}
    assert {row["number"] for row in rows if row["position"] == "1"} == {"+14155550101"}
    aside = read_csv(get(visit(), f"/lists/{called_list}/rows.csv", state="set_aside"))
    assert {(row["key"], row["result"]) for row in aside} == {("", "invalid_number"), ("'-x", "invalid_timezone")}
    assert get(visit(), f"/lists/{called_list}/rows.csv", state="nonsense").status_code == 422
    masked = read_csv(get(visit("ada", rights(read="one")), f"/lists/{called_list}/rows.csv"))
    assert {row["number"] for row in masked if row["position"] == "1"} == {"+1415•••0101"}


def test_the_overview_shows_charts_with_their_numbers_beside_them(visit, store):
    for number, outcome in enumerate(["answered", "answered", "voicemail", "strange"]):
        queued(store, f"call-{number}", source=SOURCE)
        deliver(store, f"call-{number}", call_outcome=outcome, duration_seconds=60)
    deliver(store, "of nobody")
    client = visit()
    shown = get(client, "/overview")
    assert "2 answered 1 voicemail 0 failed 1 other 50% answered rate 4:00 talk time" in text(shown)
    assert "1:00 per answered call" in text(shown)
    for chart in ("outcomes", "talk", "clock"):
        assert f'<canvas id="{chart}" data-chart="{chart}-table" role="img"' in shown.text
    for period, bars in (("day", 24), ("week", 7), ("month", 30), ("nonsense", 7)):
        table = re.search(r'id="outcomes-table">(.*?)</table>', get(client, "/overview", period=period).text, re.DOTALL)
        assert table[1].count("<tr>") in {bars + 1, bars + 2}
        assert sum(map(int, re.findall(r"<td>(\d+)</td>", table[1]))) == 4
    assert "0 answered" in text(get(visit("ada", rights(read="two")), "/overview"))


@pytest.mark.parametrize(("seconds", "shown"), [(0, "0:00"), (65, "1:05"), (3_700, "1 h 01"), (None, "")])
def test_a_time_span_is_shown_as_people_say_it(seconds, shown):
    assert duration(seconds) == shown


def test_the_lists_show_progress_outcomes_and_where_each_comes_from(visit, store, called_list):
    assert "not counted yet" in text(get(visit(), "/lists"))
    store.list_progress.record(called_list)
    store.forecasts.record(called_list, datetime(2099, 12, 1, 9, tzinfo=UTC), 0)
    page = get(visit(), "/lists")
    assert re.search(r"3 of 6 2 set aside 2 answered , 1 voicemail [\d,]+\.\d / min 01 Dec 2099, 09:00:00", text(page))
    for link in ("/dags/one", "/dags/one/runs/run", "/dags/one/runs/run/tasks/list"):
        assert f'href="{link}" data-airflow' in page.text


def test_failed_and_paused_lists_look_different_from_good_ones(visit, store, called_list):
    assert 'class="list-planned"' in get(visit(), "/lists").text
    store.pauses.pause(Scope.LIST, called_list, reason="wrong words", actor="bob")
    assert 'class="list-paused"' in get(visit(), "/lists").text
    store.list_states.failed(called_list, "its query failed")
    assert 'class="list-failed"' in get(visit(), "/lists").text
