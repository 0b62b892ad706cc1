"""A list that is killed at any moment goes on where it was, and calls nobody twice."""

from __future__ import annotations

import multiprocessing
import time
from collections import Counter
from datetime import UTC, datetime, timedelta

from airflow_provider_voiceinfra.calls import dialing
from airflow_provider_voiceinfra.calls.account import Account
from airflow_provider_voiceinfra.calls.dialing import Dialer
from airflow_provider_voiceinfra.calls.list_rows import Columns, Template
from airflow_provider_voiceinfra.calls.waves import Waves
from airflow_provider_voiceinfra.store import claims
from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.store.records import Source

ROWS, KILLS, LINES = 60, 3, 10
TASK = Source("dag", "run", "run", "call")


def waves(voiceinfra, url):
    store = CallStore(url)
    account = Account(
        "voiceinfra_default",
        voiceinfra.sandbox.url,
        "sandbox-key",
        "voiceinfra_default",
        agent_id="agent_sandbox",
        from_number="+14155550199",
    )
    template, list_id = Template(account, "test"), store.lists.open(TASK)
    if not store.lists.is_read(list_id, 0):
        people = ({"to_number": f"+1212555{1000 + number}"} for number in range(ROWS))
        store.lists.add(list_id, [template.read(position, row, Columns()) for position, row in enumerate(people, 1)], 0)
        store.lists.finish_reading(list_id, 0)
    place = Dialer(store, account).place
    return Waves(
        store, place, list_id, TASK, lambda row: template.intent(list_id, row, TASK), max_in_flight=LINES
    ), list_id


def to_the_end(voiceinfra, url):
    ours, _ = waves(voiceinfra, url)
    while (nap := ours.run()) is not None:
        time.sleep(min(0.05, max(0.0, (nap.until - datetime.now(UTC)).total_seconds())))


def test_a_worker_that_is_killed_again_and_again_calls_nobody_twice(voiceinfra, monkeypatch):
    # A dead worker's claims are judged after three seconds instead of a minute.
    monkeypatch.setattr(claims, "CLAIM_LIFETIME", timedelta(seconds=3))
    monkeypatch.setattr(dialing, "_ANSWER_TIME", timedelta(seconds=2))
    monkeypatch.setattr("airflow_provider_voiceinfra.calls.waves._AGAIN", timedelta(seconds=0.1))
    url = voiceinfra.store.database.shown_url
    for _ in range(KILLS):
        before = len(voiceinfra.dials)
        worker = multiprocessing.get_context("fork").Process(target=to_the_end, args=(voiceinfra, url))
        worker.start()
        while worker.is_alive() and len(voiceinfra.dials) < before + ROWS // (KILLS + 1):
            time.sleep(0.001)
        worker.kill()
        worker.join()
    to_the_end(voiceinfra, url)
    assert set(Counter(dial.to_number for dial in voiceinfra.dials).values()) == {1}
    _, list_id = waves(voiceinfra, url)
    results = voiceinfra.store.lists.counts(list_id)
    assert sum(results.values()) == ROWS
    assert {state for state, _ in results} == {"done"}
    # One of which nobody learned the answer is told by its own webhook.
    assert {result for _, result in results} <= {"answered", "unknown"}
    assert results["done", "answered"] == len(voiceinfra.dials) == ROWS
