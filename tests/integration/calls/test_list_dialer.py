"""A list that is killed at any moment goes on where it was, and calls nobody twice."""

from __future__ import annotations

import multiprocessing
import re
import socket
import sys
import time
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from airflow_provider_voiceinfra.calls.account import Account
from airflow_provider_voiceinfra.calls.dialing import Dialer
from airflow_provider_voiceinfra.calls.retry import RetryPolicy
from airflow_provider_voiceinfra.errors import InvalidCallError
from airflow_provider_voiceinfra.lists import progress
from airflow_provider_voiceinfra.lists.circuit_breaker import CircuitBreaker
from airflow_provider_voiceinfra.lists.column_mapping import ColumnMapping
from airflow_provider_voiceinfra.lists.list_dialer import ListDialer
from airflow_provider_voiceinfra.lists.progress import Progress
from airflow_provider_voiceinfra.lists.row_queue import RowQueue
from airflow_provider_voiceinfra.lists.source_rows import CallDefaults
from airflow_provider_voiceinfra.phone_numbers.e164 import to_e164
from airflow_provider_voiceinfra.sandbox import Sandbox
from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.store.guard import lifetimes
from airflow_provider_voiceinfra.store.lists.row_values import RowStep
from airflow_provider_voiceinfra.store.models import Source
from airflow_provider_voiceinfra.store.reads.call_filter import CallFilter

ROWS, KILLS, LINES = 60, 3, 10
SETTLE_TIMEOUT = timedelta(seconds=8)
TASK = Source("dag", "run", "run", "call")


def number_of(row):
    return f"+1212555{1000 + row}"


def hurry():
    """Judge a dead worker's claims after three seconds instead of a minute."""
    lifetimes.CLAIM_LIFETIME = timedelta(seconds=3)
    progress.DUE_AGAIN = timedelta(seconds=0.1)


def read(store, account):
    """Read the list, if it is not read yet; gives its id."""
    template, list_id = CallDefaults(account, "test"), store.lists.open(TASK)
    if not store.lists.is_imported(list_id, 0):
        people = ({"to_number": number_of(row)} for row in range(ROWS))
        rows, import_version = enumerate(people, 1), store.lists.begin_import(list_id)
        store.lists.add(
            list_id, [template.read(position, row, ColumnMapping()) for position, row in rows], import_version
        )
        store.lists.finish_import(list_id, import_version, 0)
    return list_id


def list_dialer(store, sandbox_url, end_ineligible=lambda: None, *, rate=None, pilot=None, **options):
    """Return a worker's list dialer, and the id of the list.

    :param rate: calls per second.
    :param pilot: rows in the pilot.
    :param options: of the dialer.
    """
    account = Account(
        "voiceinfra_default",
        sandbox_url,
        "sandbox-key",
        "voiceinfra_default",
        agent_id="agent_sandbox",
        from_number="+14155550199",
    )
    template, list_id = CallDefaults(account, "test", calls_per_second=rate), read(store, account)
    queue = RowQueue(store, list_id, pilot=pilot)
    ours = ListDialer(
        store,
        Dialer(store, account, **options),
        list_id,
        TASK,
        lambda row: template.intent(list_id, row, TASK, settle_timeout=SETTLE_TIMEOUT),
        Progress(store, list_id, circuit_breaker=CircuitBreaker(unknown=0), queue=queue),
        end_ineligible,
        queue=queue,
        max_in_flight=LINES,
        calls_per_second=rate,
    )
    return ours, list_id


def work(sandbox_url, store_url):
    """Dial the list to its end, as one worker after another does."""
    hurry()
    store = CallStore(store_url)
    to_the_end(list_dialer(store, sandbox_url)[0])
    store.close()


def to_the_end(ours):
    while (resume_at := ours.run()) is not None:
        time.sleep(min(0.05, max(0.0, (resume_at.until - datetime.now(UTC)).total_seconds())))


def test_a_worker_that_is_killed_again_and_again_calls_nobody_twice(voiceinfra):
    # Not forked: SQLite takes a lock that another thread held at that moment for one of the child's own.
    context = multiprocessing.get_context("spawn")
    places = (voiceinfra.sandbox.url, voiceinfra.store.database.shown_url)
    for _ in range(KILLS):
        before = len(voiceinfra.dials)
        worker = context.Process(target=work, args=places)
        worker.start()
        while worker.is_alive() and len(voiceinfra.dials) < before + ROWS // (KILLS + 1):
            time.sleep(0.001)
        worker.kill()
        worker.join()
    last = context.Process(target=work, args=places)
    last.start()
    last.join()
    assert last.exitcode == 0
    assert set(Counter(dial.to_number for dial in voiceinfra.dials).values()) == {1}
    results = voiceinfra.store.lists.counts(voiceinfra.store.lists.open(TASK))
    assert sum(results.values()) == ROWS
    assert {state for state, _ in results} == {"done"}
    # One of which nobody learned the answer is told by its own webhook; one that was about to be sent is reported.
    assert {result for _, result in results} <= {"answered", "unknown"}
    assert results["done", "answered"] == len(voiceinfra.dials) >= ROWS - KILLS * LINES


def test_what_a_killed_worker_had_in_its_hands_is_looked_at_as_soon_as_it_may_be_judged(voiceinfra, monkeypatch):
    monkeypatch.setitem(globals(), "SETTLE_TIMEOUT", timedelta(hours=1))
    store = voiceinfra.store
    ours, list_id = list_dialer(store, voiceinfra.sandbox.url)
    # As a worker leaves it that was killed right after its claims.
    ours._pipeline().advance(store.list_rows.due(list_id, datetime.now(UTC), 2), wait=0)
    claimed = list(store.calls.iterate(CallFilter(list_id=list_id, state="claimed")))
    assert len(claimed) == 2
    resume_at = ours.run()
    assert resume_at.until <= min(call.claim_expires_at for call in claimed)


def test_rows_in_the_hands_of_a_killed_worker_keep_their_places_in_the_pilot(voiceinfra, monkeypatch):
    monkeypatch.setattr(progress, "DUE_AGAIN", timedelta(0))
    store = voiceinfra.store
    ours, list_id = list_dialer(store, voiceinfra.sandbox.url, pilot=5)
    # As a worker leaves it that was killed right after its claims.
    ours._pipeline().advance(RowQueue(store, list_id, pilot=5).due(2), wait=0)
    assert ours.run() is not None
    assert len(voiceinfra.dials) == 3
    assert not store.pauses.in_force()
    with store.database.write() as tx:
        claimed = sa.update(schema.call).where(schema.call.c.state == "claimed")
        tx.execute(claimed.values(claim_expires_at=datetime.now(UTC) - timedelta(seconds=1)))
    while not store.pauses.in_force():
        ours.run()
    assert len(voiceinfra.dials) == 5
    assert [pause.reason for pause in store.pauses.in_force()] == ["its pilot of 5 rows has ended: 5 answered"]


def test_who_is_still_to_be_called_is_asked_again_while_rows_are_dialled(voiceinfra, monkeypatch):
    monkeypatch.setattr("airflow_provider_voiceinfra.lists.list_dialer._ELIGIBILITY_INTERVAL", 0.0)
    store, asked = voiceinfra.store, []

    def end_ineligible():
        asked.append(len(voiceinfra.dials))
        if len(asked) == 3:
            # Who is in hands already is called.
            store.list_rows.end_others(list_id, [], "not_eligible")

    ours, list_id = list_dialer(store, voiceinfra.sandbox.url, end_ineligible)
    ours.run()
    assert asked[0] == 0
    assert len(asked) >= 3
    assert 0 < len(voiceinfra.dials) < ROWS


def test_how_far_it_has_come_is_told_at_a_steady_pace(voiceinfra, monkeypatch, caplog):
    caplog.set_level("INFO")
    monkeypatch.setattr(progress, "TELL_INTERVAL", 0.0)
    ours, list_id = list_dialer(voiceinfra.store, voiceinfra.sandbox.url)
    ours.run()
    told = [record.getMessage() for record in caplog.records if record.name == progress.__name__]
    assert told[0] == f"List {list_id}: {ROWS} of {ROWS} rows left, 0 calls going on."
    said = re.compile(rf"List {list_id}: (\d+) of {ROWS} rows left, (\d+) calls going on.*")
    assert all(said.fullmatch(each) for each in told)
    assert not any("+1212" in each for each in told)


def test_the_rate_is_told_once_rows_have_ended_and_the_end_once_it_is_forecast(voiceinfra):
    store = voiceinfra.store
    ours, list_id = list_dialer(store, voiceinfra.sandbox.url)
    to_the_end(ours)
    assert re.search(r"0 of 60 rows left, .*60 answered, \d+\.\d rows a minute\.", progress.describe(store, list_id))
    with store.database.read() as tx:
        row = tx.execute(sa.select(schema.call_list_row).limit(1)).one()
    store.list_rows.record_steps([RowStep(row.id, row.import_version, datetime.now(UTC))])
    assert re.search(r"1 of 60 rows left, .*59 answered, \d+\.\d rows a minute\.", progress.describe(store, list_id))
    store.forecasts.record(list_id, datetime(2099, 12, 1, 9, tzinfo=UTC), 1)
    told = progress.describe(store, list_id)
    assert told.endswith("rows a minute, done at 2099-12-01 09:00 UTC, 1 of them will not be called in time.")


def test_what_is_unexpected_ends_the_list_with_what_it_was(voiceinfra, monkeypatch):
    def broken(*_, **__):
        raise ZeroDivisionError

    ours, _ = list_dialer(voiceinfra.store, voiceinfra.sandbox.url)
    monkeypatch.setattr("airflow_provider_voiceinfra.calls.transport.Transport.post", broken)
    with pytest.raises(ZeroDivisionError):
        ours.run()


def throttled_rows(monkeypatch):
    """People whose numbers VoiceInfra answers with 429 and ``Retry-After`` at the first POST."""
    areas = [area for area in range(201, 500) if to_e164_or_none(f"+1{area}5550130")][:ROWS]
    monkeypatch.setattr(sys.modules[__name__], "number_of", lambda row: f"+1{areas[row]}5550130")


def to_e164_or_none(number):
    try:
        return to_e164(number, field="to_number")
    except InvalidCallError:
        return None


def test_slow_answers_do_not_slow_a_paced_list_down(store, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "LINES", ROWS)
    monkeypatch.setattr(sys.modules[__name__], "ROWS", 40)
    with Sandbox(delay=None, answer_delay=8) as sandbox:
        list_dialer(store, sandbox.url, rate=10)[0].run()
        times = sorted(dial.at for dial in sandbox.dials)
    assert len(times) == 40
    # All of them have their slots, in four seconds, before the first one is answered.
    assert times[-1] - times[0] < timedelta(seconds=8)
    assert min(b - a for a, b in zip(times, times[11:], strict=False)) >= timedelta(seconds=1)


def test_answers_and_permits_of_a_paced_list_share_transactions(store, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "LINES", ROWS)
    record_and_permit, counts = store.claims.record_and_permit, []

    def counting(answers, claims):
        counts.append(len(answers))
        return record_and_permit(answers, claims)

    monkeypatch.setattr(store.claims, "record_and_permit", counting)
    with Sandbox(delay=None) as sandbox:
        ours, list_id = list_dialer(store, sandbox.url, rate=100)
        # A busy machine may miss send slots, whose rows are due again a moment later.
        while store.list_rows.count_open(list_id) < ROWS:
            ours.run()
    assert sum(counts) == ROWS
    assert len(counts) < ROWS / 2


def test_retry_after_applies_to_the_whole_list_and_to_the_next_try(store, monkeypatch):
    throttled_rows(monkeypatch)
    with Sandbox(delay=None, retry_after=3600) as sandbox:
        for _ in range(3):
            resume_at = list_dialer(store, sandbox.url)[0].run()
            assert resume_at.until > datetime.now(UTC) + timedelta(minutes=5)
            assert resume_at.ended_calls == 0
        # Those that were sent together before the first answer.
        assert 1 <= len(sandbox.refused) <= LINES
        assert sandbox.dials == []
    assert {call.state for call in store.calls.iterate()} == {"released"}


def test_after_a_short_wait_it_goes_on_carefully_and_calls_everybody_once(store, monkeypatch):
    throttled_rows(monkeypatch)
    monkeypatch.setattr(sys.modules[__name__], "ROWS", 12)
    with Sandbox(delay=None, retry_after=1) as sandbox:
        ours, list_id = list_dialer(store, sandbox.url)
        monkeypatch.setattr("airflow_provider_voiceinfra.lists.backoff.random.uniform", lambda *_: 0.01)
        ours._max_in_flight = 12
        ours.run()
        assert set(Counter(dial.to_number for dial in sandbox.dials).values()) == {1}
        assert len(sandbox.dials) == 12
        assert store.lists.resume_at(list_id) is None


def test_a_wait_shorter_than_the_shortest_deferral_is_spent_in_the_worker(store, monkeypatch):
    throttled_rows(monkeypatch)
    monkeypatch.setattr(sys.modules[__name__], "ROWS", 12)
    monkeypatch.setattr("airflow_provider_voiceinfra.lists.list_dialer._SHORT_WAIT", 0.0)
    with Sandbox(delay=None, retry_after=1) as sandbox:
        ours, _ = list_dialer(store, sandbox.url)
        ours._max_in_flight, ours._shortest_deferral = 12, timedelta(minutes=1)
        ours.run()
        assert len(sandbox.dials) == 12


def test_a_list_whose_voiceinfra_cannot_be_reached_waits_and_knocks_with_one_call_at_a_time(store, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    monkeypatch.setattr("airflow_provider_voiceinfra.lists.list_dialer._SHORT_WAIT", 0.0)
    patient = RetryPolicy(base=60.0, longest=60.0)
    ours, list_id = list_dialer(store, url, retry=patient)
    resume_at = ours.run()
    assert store.lists.resume_at(list_id) == resume_at.until
    released = len(list(store.calls.iterate()))
    assert released <= LINES
    with store.database.write() as tx:
        tx.execute(sa.update(schema.call_list).values(resume_at=datetime.now(UTC)))
    assert list_dialer(store, url, retry=patient)[0].run() is not None
    # One is sent, and the next one is claimed ahead.
    assert len(list(store.calls.iterate())) <= released + 2
