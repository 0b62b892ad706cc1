"""Pages of calls: newest first, in both directions, and never through the whole table."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.guard.pauses import Scope
from airflow_provider_voiceinfra.store.models import Source
from airflow_provider_voiceinfra.store.reads import call_filter, call_pages
from airflow_provider_voiceinfra.store.reads.call_filter import CallFilter
from airflow_provider_voiceinfra.store.reads.call_pages import CallCount, PageCursor
from tests.support.store_samples import NUMBER, claim, claim_request, deliver, queued, rows

START = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def small_pages(monkeypatch):
    monkeypatch.setattr(call_pages, "PAGE", 3)


def place(store, *, at=None, **changes):
    """Claim a call at a time of its own."""
    key = changes.pop("key", f"{len(place.keys)}")
    place.keys.append(key)
    dag_id, run = changes.pop("dag_id", "dag"), changes.pop("run", "run")
    ours = claim(store, key, source=Source(dag_id, run, run, "task"), **changes)
    move(store, ours, START + timedelta(hours=len(place.keys)) if at is None else at)
    return ours.ref


@pytest.fixture(autouse=True)
def new_keys():
    place.keys = []


def move(store, ours, at):
    with store.database.write() as tx:
        tx.execute(sa.update(schema.call).where(schema.call.c.id == ours.id).values(claimed_at=at))


def refs(page):
    return [row.ref for row in page.rows]


def all_pages(read):
    """Follow the pages to their end."""
    cursor, pages = None, []
    while True:
        page = read(cursor)
        pages.append(page)
        cursor = page.older
        if cursor is None:
            return pages


def test_the_newest_come_first_and_each_is_on_one_page(store):
    placed = [place(store) for _ in range(8)]
    pages = all_pages(lambda cursor: store.pages.older(CallFilter(), than=cursor))
    assert [refs(page) for page in pages] == [placed[7:4:-1], placed[4:1:-1], placed[1::-1]]
    assert [page.newer is None for page in pages] == [True, False, False]


def test_of_calls_of_one_moment_each_is_on_one_page(store):
    placed = [place(store, at=START) for _ in range(8)]
    pages = all_pages(lambda cursor: store.pages.older(CallFilter(), than=cursor))
    assert [ref for page in pages for ref in refs(page)] == placed[::-1]
    back = store.pages.newer(CallFilter(), than=pages[2].newer)
    assert refs(back) == placed[4:1:-1]


def test_pages_go_back_the_way_they_came_and_the_last_is_found_at_once(store):
    placed = [place(store) for _ in range(8)]
    last = store.pages.newer(CallFilter())
    assert refs(last) == placed[2::-1]
    assert last.older is None
    before = store.pages.newer(CallFilter(), than=last.newer)
    assert refs(before) == placed[5:2:-1]
    assert refs(store.pages.older(CallFilter(), than=before.older)) == refs(last)
    first = store.pages.newer(CallFilter(), than=before.newer)
    assert refs(first) == placed[7:5:-1]
    assert first.newer is None


def test_calls_of_a_list_are_in_the_order_in_which_they_were_asked_for(store):
    placed = [place(store, list_id="vl_1", at=START - timedelta(hours=number)) for number in range(8)]
    pages = all_pages(lambda cursor: store.pages.older(CallFilter(list_id="vl_1"), than=cursor))
    assert [refs(page) for page in pages] == [placed[7:4:-1], placed[4:1:-1], placed[1::-1]]
    last = store.pages.newer(CallFilter(list_id="vl_1"))
    assert refs(last) == placed[2::-1]
    assert refs(store.pages.newer(CallFilter(list_id="vl_1"), than=last.newer)) == placed[5:2:-1]


def test_what_comes_meanwhile_moves_no_page(store):
    for _ in range(5):
        place(store)
    cursor = store.pages.older(CallFilter()).older
    before = refs(store.pages.older(CallFilter(), than=cursor))
    place(store)
    assert refs(store.pages.older(CallFilter(), than=cursor)) == before


def test_an_edge_is_read_back_from_an_address():
    cursor = PageCursor(datetime(2026, 11, 24, 1, 2, 3, 456_789, UTC), 17)
    assert PageCursor.parse(str(cursor)) == cursor
    for other in ("", "1", "1-", "x-1", "1-1-1", "-1-1", "9" * 30 + "-1", "\u0661-\u0661"):
        assert PageCursor.parse(other) is None


@pytest.fixture
def various(store):
    """Calls that differ in everything that is filtered by."""
    return {
        "queued": place(store, key="q", dag_id="one", to_number="+14155550101", metadata={"paid": True, "note": "a:b"}),
        "answered": completed(store, "a", "answered", dag_id="one", run="other"),
        "voicemail": completed(store, "v", "voicemail", dag_id="two", to_number="+442079460101"),
        "listed": place(store, list_id="vl_1", dag_id="two"),
        "of no DAG": place(store, dag_id=None, run=None),
    }


def completed(store, call_id, outcome, **changes):
    ref = place(store, key=call_id, **changes)
    with store.database.write() as tx:
        tx.execute(sa.update(schema.call).where(schema.call.c.ref == ref).values(state="queued", call_id=call_id))
    deliver(store, call_id, call_outcome=outcome, to_number=changes.get("to_number", NUMBER))
    return ref


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (CallFilter(state="completed"), ["voicemail", "answered"]),
        (CallFilter(state="claimed"), ["of no DAG", "listed", "queued"]),
        (CallFilter(outcome="voicemail"), ["voicemail"]),
        (CallFilter(dag_id="one"), ["answered", "queued"]),
        (CallFilter(dag_id="one", runs=("other",)), ["answered"]),
        (CallFilter(runs=("other",)), ["answered"]),
        (CallFilter(list_id="vl_1"), ["listed"]),
        (CallFilter(digits="0101"), ["voicemail", "queued"]),
        (CallFilter(name="v"), ["voicemail"]),
        (CallFilter(name="one"), ["answered", "queued"]),
        (CallFilter(name="one", state="completed"), ["answered"]),
        (CallFilter(name="one", dag_id="two"), []),
        (CallFilter(name="v", dag_id="one"), []),
        (CallFilter(name="nothing"), []),
        (CallFilter(metadata="paid:true"), ["queued"]),
        (CallFilter(metadata=" note : a:b "), ["queued"]),
        (CallFilter(metadata="appointment:7", dag_id="two"), ["listed", "voicemail"]),
        (CallFilter(metadata="appointment:7", dag_id="two", list_id="vl_1"), ["listed"]),
        (CallFilter(metadata="appointment:7", until=START + timedelta(hours=3)), ["answered"]),
        (CallFilter(metadata="appointment:8"), []),
        (CallFilter(digits="460101"), ["voicemail"]),
        (CallFilter(digits="0101", dag_id="one"), ["queued"]),
        (CallFilter(state="completed", dag_id="two"), ["voicemail"]),
        (CallFilter(since=START + timedelta(hours=2), until=START + timedelta(hours=4)), ["voicemail", "answered"]),
        (CallFilter(dag_id="none"), []),
    ],
)
@pytest.mark.parametrize("few", [0, 5_000])
def test_filters_find_what_is_looked_for_by_whatever_index(store, various, monkeypatch, wanted, found, few):
    monkeypatch.setattr(call_filter, "FEW", few)
    page = store.pages.older(wanted)
    assert refs(page) == [various[name] for name in found]
    assert refs(store.pages.newer(wanted)) == refs(page)


@pytest.mark.parametrize("few_dags", [0, 40])
def test_only_calls_of_some_dags_are_seen_by_whom_they_concern(store, various, monkeypatch, few_dags):
    monkeypatch.setattr(call_filter, "_FEW_DAGS", few_dags)
    assert refs(store.pages.older(CallFilter(), {"one"})) == [various["answered"], various["queued"]]
    assert refs(store.pages.older(CallFilter(), {"one", "two"})) == [
        various[name] for name in ("listed", "voicemail", "answered")
    ]
    assert refs(store.pages.older(CallFilter(digits="0101"), {"two"})) == [various["voicemail"]]
    assert refs(store.pages.older(CallFilter(dag_id="one"), {"two"})) == []
    assert refs(store.pages.older(CallFilter(), set())) == []


def test_other_environments_calls_are_on_no_page(store, open_store, various):
    staging = open_store(environment="staging")
    assert refs(staging.pages.older(CallFilter())) == []
    assert refs(staging.pages.older(CallFilter(state="claimed"))) == []
    assert refs(staging.pages.older(CallFilter(list_id="vl_1"))) == []
    assert staging.pages.dag_ids() == []


def test_the_dags_that_have_called_are_listed_once(store, various):
    place(store, dag_id="one")
    assert store.pages.dag_ids() == ["one", "two"]


def test_what_no_index_knows_is_looked_for_among_so_many_calls_and_the_page_says_how_far(store, monkeypatch):
    monkeypatch.setattr(call_pages, "WINDOW", 4)
    old = completed(store, "old", "voicemail")
    placed = [place(store) for _ in range(6)]
    page = store.pages.older(CallFilter(outcome="voicemail"))
    assert (refs(page), page.looked_to) == ([], START + timedelta(hours=4))
    rest = store.pages.older(CallFilter(outcome="voicemail"), than=page.older)
    assert (refs(rest), rest.looked_to, rest.older) == ([old], None, None)
    assert refs(store.pages.older(CallFilter())) == placed[:2:-1]


def test_a_number_that_was_purged_is_not_found_by_its_digits(store):
    ref = completed(store, "purged", "answered", to_number="+14155550101")
    store.retention.purge(datetime.now(UTC) + timedelta(days=1))
    assert refs(store.pages.older(CallFilter(digits="0101"))) == []
    assert refs(store.pages.older(CallFilter())) == [ref]


def test_a_call_is_found_by_its_ref(store, various):
    assert refs(store.pages.older(CallFilter(name=various["listed"]))) == [various["listed"]]


def test_metadata_that_was_purged_is_not_found(store):
    completed(store, "purged", "answered")
    store.retention.purge(datetime.now(UTC) + timedelta(days=1))
    assert refs(store.pages.older(CallFilter(metadata="appointment:7"))) == []
    assert rows(store, schema.call_metadata) == []


def test_a_call_that_is_claimed_after_it_has_waited_is_found_by_its_new_metadata(store):
    store.pauses.pause(Scope.ALL, "", reason="a test", actor="ada")
    request = claim_request("key", metadata={"appointment": 7})
    ref = store.claims.take(request).denied.ref
    store.pauses.resume(Scope.ALL, "", actor="ada")
    store.claims.take(replace(request, metadata={"appointment": 8}))
    assert refs(store.pages.older(CallFilter(metadata="appointment:7"))) == []
    assert refs(store.pages.older(CallFilter(metadata="appointment:8"))) == [ref]


def test_calls_are_counted_up_to_the_window(store, monkeypatch):
    monkeypatch.setattr(call_pages, "WINDOW", 7)
    placed = [place(store, dag_id=("one", "two")[number % 2], list_id="vl_1") for number in range(6)]
    for wanted in (CallFilter(), CallFilter(list_id="vl_1"), CallFilter(metadata="appointment:7")):
        page = store.pages.older(wanted, than=store.pages.older(wanted).older)
        assert store.pages.count(wanted) == CallCount(6, is_all=True)
        newest = PageCursor(page.rows[0].claimed_at, page.rows[0].id)
        assert store.pages.count(wanted, newer_than=newest) == CallCount(3, is_all=True)
    assert refs(page) == placed[2::-1]
    assert store.pages.count(CallFilter(), {"one"}) == CallCount(3, is_all=True)
    assert store.pages.count(CallFilter(), {"one", "two", "three"}) == CallCount(6, is_all=True)
    for _ in range(3):
        place(store, dag_id="two")
    assert store.pages.count(CallFilter()) == CallCount(7, is_all=False)
    assert store.pages.count(CallFilter(dag_id="one")) == CallCount(3, is_all=True)
    assert store.pages.count(CallFilter(list_id="vl_1", state="queued")) == CallCount(0, is_all=True)


def test_a_call_that_waits_is_where_it_was_asked_for_last(store):
    ours = queued(store, "call-1")
    first = place(store)
    move(store, ours, START + timedelta(days=9))
    assert refs(store.pages.older(CallFilter())) == [ours.ref, first]
