"""One clock decides: the database's. A host whose own is wrong neither closes a day nor judges another's claim."""

from __future__ import annotations

import logging
import threading
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta

import pytest
import sqlalchemy as sa

from airflow_provider_voiceinfra.store import clock, schema
from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.store.claims.conflicts import lock_intents
from airflow_provider_voiceinfra.store.guard.rules import Denial, Rule, Rules
from tests.support.hosts import on_host
from tests.support.store_samples import claim, claim_request, events, make_old, rows, state

DAY, HOUR, NOW = timedelta(days=1), timedelta(hours=1), timedelta(seconds=30)
OTHER = "+14155550177"

on_postgresql = pytest.mark.parametrize("kind", ["postgresql"])
"""SQLite serves one host only."""
wrong_hosts = pytest.mark.parametrize("ahead", [DAY, -DAY], ids=["ahead", "behind"])


def is_now(told: datetime) -> bool:
    return abs(told - datetime.now(UTC)) < NOW


# -- what hosts with a wrong clock do


def place(url, key, rules):
    """Claim a call and ask for its permit; gives the rule that denies it."""
    store = CallStore(url)
    result = store.claims.take(claim_request(key, to_number=OTHER, rules=rules))
    if result.claim:
        result = store.claims.request_permit(result.claim)
    store.close()
    return result.denied.denial.rule if result.denied else "none"


def place_each(url, rules):
    """Return the rule that denies each of some calls."""
    return [place(url, f"key-{number}", each) for number, each in enumerate(rules)]


def expire(url, ref):
    store = CallStore(url)
    store.claims.settled([ref])
    store.claims.expire(ref)
    store.close()


def tell(url):
    """Return what the clock of a store tells here, without and with a transaction."""
    store = CallStore(url)
    guessed = store.database.clock.now()
    with store.database.read() as tx:
        told = store.database.clock.read(tx)
    store.close()
    return [each.isoformat() for each in (guessed, told, datetime.now(UTC))]


class Open:
    """Calling hours of the hour around a time."""

    def __init__(self, around):
        self.around = around

    def __call__(self, now):
        return None if abs(now - self.around) < HOUR else Denial(Rule.CALLING_HOURS, now + HOUR)


@on_postgresql
@wrong_hosts
def test_the_clock_is_the_databases(store_url, ahead):
    guessed, told, host_time = map(datetime.fromisoformat, on_host(ahead, tell, store_url))
    assert is_now(guessed)
    assert is_now(told)
    assert not is_now(host_time)


@on_postgresql
@wrong_hosts
def test_a_wrong_host_closes_neither_the_day_nor_the_second(store, store_url, ahead):
    rules = Rules(max_calls_per_day=2, calls_per_second=10)
    assert on_host(ahead, place, store_url, "theirs", rules) == "none"
    (budget,) = rows(store, schema.budget)
    assert is_now(budget.next_at)
    assert abs(date.fromisoformat(budget.day) - datetime.now(UTC).date()) < DAY
    assert place(store_url, "ours", rules) == "none"
    assert place(store_url, "third", rules) == Rule.PER_DAY
    assert all(is_now(row.at) for row in rows(store, schema.call_event))


@on_postgresql
def test_a_host_that_is_ahead_does_not_judge_a_live_claim(store, store_url):
    ours = claim(store)
    store.claims.request_permit(ours)
    on_host(DAY, expire, store_url, ours.ref)
    assert state(store, ours.ref) == "claimed"
    assert store.claims.request_permit(ours).permit


@on_postgresql
def test_a_host_that_is_behind_judges_a_dead_claim(store, store_url):
    dead = claim(store)
    make_old(store, dead)
    on_host(-DAY, expire, store_url, dead.ref)
    assert state(store, dead.ref) == "unknown"


@on_postgresql
@wrong_hosts
def test_a_wrong_host_keeps_to_the_times_of_a_call(store_url, ahead):
    now = datetime.now(UTC)
    in_time, late = Rules(not_after=now + HOUR), Rules(not_after=now - NOW)
    is_open, closed = Rules(by_time=Open(now)), Rules(by_time=Open(now + ahead))
    denied = on_host(ahead, place_each, store_url, [in_time, late, is_open, closed])
    assert denied == ["none", Rule.NOT_AFTER, "none", Rule.CALLING_HOURS]


# -- when it is read


@on_postgresql
@pytest.mark.parametrize("waits_for", ["the key", "the budget"])
def test_the_time_is_read_after_what_was_waited_for(store, store_url, open_store, waits_for):
    rules = Rules(max_calls_per_day=2, not_after=datetime.now(UTC) + HOUR)
    request = claim_request(to_number=OTHER, rules=rules)
    assert store.claims.take(claim_request("first", rules=rules)).claim
    results = []
    late = threading.Thread(target=lambda: results.append(open_store().claims.take(request)))
    with ExitStack() as meanwhile:
        with store.database.write() as tx:
            if waits_for == "the key":
                lock_intents(tx, "default", [request])
            else:
                tx.execute(sa.select(schema.budget).with_for_update())
            late.start()
            until_one_waits(store)
            meanwhile.enter_context(clock.shift(2 * HOUR))
        late.join()
    [result] = results
    assert result.denied.denial.rule == Rule.NOT_AFTER


def until_one_waits(store):
    waiting = sa.text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    while True:
        with store.database.read() as tx:
            if tx.scalar(waiting):
                return


# -- what tests may do with it


def test_a_shift_moves_every_reading(store, open_store):
    with clock.shift(DAY), clock.shift(HOUR):
        later = datetime.now(UTC) + DAY + HOUR
        assert abs(store.database.clock.now() - later) < NOW
        with open_store().database.write() as tx:
            assert abs(clock.read_time(tx) - later) < NOW
        ours = claim(store)
        assert store.calls.get(ours.ref).deadline > later
    assert is_now(store.database.clock.now())
    with clock.shift(HOUR * 30):
        store.claims.expire(ours.ref)
    assert state(store, ours.ref) == "released"
    assert events(store, ours.id) == ["claimed", "released"]


def test_a_transaction_keeps_the_time_that_it_has_read(store):
    with store.database.write() as tx:
        read = clock.time_of(tx)
        with clock.shift(DAY):
            assert clock.time_of(tx) == read
            assert clock.read_time(tx) > read + HOUR
    with store.database.read() as tx:
        assert is_now(clock.time_of(tx))


# -- the host's clock, corrected


@on_postgresql
def test_the_time_is_told_without_a_query_until_the_measured_difference_is_old(store, monkeypatch):
    asked = []
    sa.event.listen(store.database.engine, "before_cursor_execute", lambda *args: asked.append(args[2]))
    first = store.database.clock.now()
    asked_first = len(asked)
    assert store.database.clock.now() >= first
    assert len(asked) == asked_first
    monkeypatch.setattr(clock, "TRUSTED_FOR", timedelta(0))
    assert is_now(store.database.clock.now())
    assert len(asked) > asked_first


@on_postgresql
def test_a_host_whose_clock_is_set_meanwhile_measures_anew(store, monkeypatch):
    assert is_now(store.database.clock.now())
    host_time = clock._host_time
    monkeypatch.setattr(clock, "_host_time", lambda: host_time() + DAY)
    assert is_now(store.database.clock.now())


def test_the_time_is_told_while_the_store_is_away(postgres_url):
    away = CallStore(postgres_url.replace("/postgres?", "/nowhere?"))
    assert is_now(away.database.clock.now())


@on_postgresql
@wrong_hosts
def test_a_wrong_clock_is_warned_of_once(store, monkeypatch, caplog, ahead):
    host_time = clock._host_time
    monkeypatch.setattr(clock, "_host_time", lambda: host_time() + ahead)
    monkeypatch.setattr(clock._Process, "has_warned", False)
    with caplog.at_level(logging.WARNING):
        for key in ("first", "second"):
            claim(store, key, to_number=f"+1415555010{len(key)}")
    (said,) = [record.getMessage() for record in caplog.records if record.name == clock.__name__]
    assert f"1 day, 0:00:00 {'ahead of' if ahead > timedelta(0) else 'behind'} the clock" in said
    assert "NTP" in said


@on_postgresql
def test_a_small_difference_is_not_warned_of(store, monkeypatch, caplog):
    host_time = clock._host_time
    monkeypatch.setattr(clock, "_host_time", lambda: host_time() + timedelta(seconds=4))
    monkeypatch.setattr(clock._Process, "has_warned", False)
    claim(store)
    assert is_now(store.database.clock.now())
    assert clock.__name__ not in {record.name for record in caplog.records}
