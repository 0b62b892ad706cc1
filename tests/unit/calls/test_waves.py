"""A list that is killed at any moment goes on where it was, and calls nobody twice."""

from __future__ import annotations

import multiprocessing
import time
from collections import Counter
from datetime import UTC, datetime, timedelta

from airflow_provider_voiceinfra.calls import progress, sending
from airflow_provider_voiceinfra.calls.account import Account
from airflow_provider_voiceinfra.calls.dialing import Dialer
from airflow_provider_voiceinfra.calls.list_rows import Columns, Template
from airflow_provider_voiceinfra.calls.progress import Progress
from airflow_provider_voiceinfra.calls.stop_when import StopWhen
from airflow_provider_voiceinfra.calls.waves import Waves
from airflow_provider_voiceinfra.store import claims
from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.store.records import Source

ROWS, KILLS, LINES = 60, 3, 10
PATIENCE = timedelta(seconds=8)
TASK = Source("dag", "run", "run", "call")


def hurry():
    """Judge a dead worker's claims after three seconds instead of a minute."""
    claims.CLAIM_LIFETIME = timedelta(seconds=3)
    sending._ANSWER_TIME = timedelta(seconds=2)
    progress._AGAIN = timedelta(seconds=0.1)


def read(store, account):
    """Read the list, if it is not read yet; gives its id."""
    template, list_id = Template(account, "test"), store.lists.open(TASK)
    if not store.lists.is_read(list_id, 0):
        people = ({"to_number": f"+1212555{1000 + number}"} for number in range(ROWS))
        store.lists.add(list_id, [template.read(position, row, Columns()) for position, row in enumerate(people, 1)], 0)
        store.lists.finish_reading(list_id, 0)
    return list_id


def work(sandbox_url, store_url):
    """Dial the list to its end, as one worker after another does."""
    hurry()
    store = CallStore(store_url)
    account = Account(
        "voiceinfra_default",
        sandbox_url,
        "sandbox-key",
        "voiceinfra_default",
        agent_id="agent_sandbox",
        from_number="+14155550199",
    )
    template, list_id = Template(account, "test"), read(store, account)
    waves = Waves(
        store,
        Dialer(store, account),
        list_id,
        TASK,
        lambda row: template.intent(list_id, row, TASK, patience=PATIENCE),
        Progress(store, list_id, stop_when=StopWhen(unknown=0)),
        max_in_flight=LINES,
    )
    while (nap := waves.run()) is not None:
        time.sleep(min(0.05, max(0.0, (nap.until - datetime.now(UTC)).total_seconds())))
    store.close()


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
