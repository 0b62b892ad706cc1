"""What the page of a list shows, and how its rows are found."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_voiceinfra.store.guard.pauses import Scope
from airflow_provider_voiceinfra.store.lists import row_pages
from airflow_provider_voiceinfra.store.lists.row_values import NewRow
from airflow_provider_voiceinfra.store.models import Source
from tests.integration.plugin.conftest import BASE, OURS, get
from tests.support.rights import rights

NUMBERS = [f"+1415555010{number}" for number in range(1, 5)]


@pytest.fixture
def list_id(store):
    """A list of four rows, of which one is answered, and three that are set aside."""
    list_id = store.lists.open(Source("one", "run", "run", "list"))
    rows = [NewRow(number, f"key-{number}", to_number, {}, {}) for number, to_number in enumerate(NUMBERS, 1)]
    aside = [NewRow(number, f"bad-{number}", "", {}, {}, "no_country_code") for number in (5, 6)]
    rows += [*aside, NewRow(7, "odd", "", {}, {}, "invalid_timezone")]
    store.lists.add(list_id, rows, store.lists.begin_import(list_id))
    store.lists.finish_import(list_id, 1, 0)
    store.list_states.dialling(list_id)
    [row] = store.list_rows.due(list_id, datetime.now(UTC), 1)
    store.list_rows.done(row, "answered", "vc_1")
    return list_id


def text(answer):
    """Return the page as it is read, without markup."""
    assert answer.status_code == 200, answer.text
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", answer.text.split("<main")[-1])))


def test_a_list_shows_the_rate_and_forecast_of_its_tasks_log(visit, store, list_id):
    store.forecasts.record(list_id, datetime(2099, 12, 1, 9, tzinfo=UTC), 2)
    shown = text(get(visit(), f"/lists/{list_id}"))
    assert re.search(r"\d+\.\d rows a minute done at 01 Dec 2099, 09:00:00 UTC 2 will not be called in time", shown)
    store.pauses.pause(Scope.LIST, list_id, reason="wrong words", actor="bob")
    assert "done at" not in text(get(visit(), f"/lists/{list_id}"))


def test_a_paused_list_shows_why_and_offers_to_resume_what_is_paused(visit, store, list_id):
    store.pauses.pause(Scope.DAG, "one", reason="wrong words", actor="bob")
    page = get(visit(), f"/lists/{list_id}")
    assert "DAG one is paused: wrong words By bob." in text(page)
    assert f"{BASE}/pauses/resume?scope=dag&amp;name=one" in page.text
    viewer = get(visit("ada", rights(read="one")), f"/lists/{list_id}")
    assert "wrong words" in text(viewer)
    assert "/pauses/resume" not in viewer.text


def test_a_failed_list_shows_why_and_leads_to_its_task(visit, store, list_id):
    store.list_states.failed(list_id, "its query failed")
    page = get(visit(), f"/lists/{list_id}")
    assert "Failed: its query failed" in text(page)
    assert re.search(r'href="/dags/one/runs/run/tasks/list" data-airflow>Open the task', page.text)


def test_rows_set_aside_lead_from_their_reason_to_what_to_fix(visit, list_id, monkeypatch):
    monkeypatch.setattr(row_pages, "PAGE", 1)
    client = visit()
    page = get(client, f"/lists/{list_id}")
    assert re.search(r"2 no country code The number has no country code: .*1 invalid timezone Fix timezone", text(page))
    rows = client.get(re.search(r'href="([^"]+result=no_country_code)"', page.text)[1].replace("&amp;", "&"))
    assert "bad-5" in text(rows)
    assert "bad-6" not in text(rows)
    rows = client.get(re.search(r'href="([^"]+)" rel="next"', rows.text)[1].replace("&amp;", "&"))
    assert "bad-6" in text(rows)
    assert 'rel="next"' not in rows.text


@pytest.mark.parametrize("wanted", ["key-2", NUMBERS[1], "+1 (415) 555-0102"])
def test_rows_are_found_by_key_and_number_which_no_url_shows(visit, list_id, wanted):
    client = visit()
    answer = client.post(f"{BASE}/lists/{list_id}/rows", data={"find": wanted}, headers=OURS)
    assert answer.status_code == 303
    assert wanted not in answer.headers["location"]
    assert "0102" not in answer.headers["location"]
    rows = text(client.get(answer.headers["location"]))
    assert "key-2" in rows
    assert NUMBERS[1] in rows
    assert "key-1" not in rows


def test_who_sees_masked_numbers_cannot_find_out_whether_a_person_is_on_a_list(visit, list_id):
    found = visit().post(f"{BASE}/lists/{list_id}/rows", data={"find": NUMBERS[1]}, headers=OURS).headers["location"]
    viewer = visit("ada", rights(read="one"))
    assert viewer.get(found).status_code == 403
    rows = get(viewer, f"/lists/{list_id}/rows", state="pending")
    assert "+1415•••0102" in text(rows)
    assert "key-2" not in rows.text
    assert 'name="find"' not in rows.text
    assert get(visit(), f"/lists/{list_id}/rows", find="key-2").status_code == 400


def test_a_row_that_is_due_later_is_shown_with_its_time(visit, store, list_id):
    later = store.database.clock.now() + timedelta(days=1)
    [row, *_] = store.list_rows.due(list_id, datetime.now(UTC), 1)
    store.list_rows.wait(row, later)
    assert f"{later:%d %b %Y, %H:%M:%S}" in text(get(visit(), f"/lists/{list_id}/rows", state="pending"))
