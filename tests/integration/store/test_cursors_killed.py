"""A burst of completions while its readers overlap and are killed: none is missed."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import time
from datetime import UTC, datetime, timedelta

from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.store.feed.completed_calls import CompletionFilter
from tests.support.race import PATIENCE
from tests.support.store_samples import body, delivery, queued

CALLS, RECEIVERS, READERS, KILLS = 1_000, 4, 3, 12

_fork = multiprocessing.get_context("fork")


def receive(url, number):
    """Bring a part of the completions, a few at a time, as a receiver's writer does."""
    store, chance = CallStore(url), random.Random(number)
    mine = [f"call-{index}" for index in range(number, CALLS, RECEIVERS)]
    while mine:
        few, mine = mine[: (size := chance.randint(1, 20))], mine[size:]
        store.deliveries.keep([delivery(body(call_id)) for call_id in few])


def follow(url, journal):
    """Do something for each call, and write down that it is done; again and again, as runs of a DAG do."""
    store = CallStore(url)
    since = datetime.now(UTC) - timedelta(days=1)
    with journal.open("a") as done:
        while True:
            with store.cursors.calls("follow_up", CompletionFilter(), since) as calls:
                for call in calls:
                    done.write(f"{call.call_id}\n")
                    done.flush()
            time.sleep(0.01)


def start(work, *arguments):
    process = _fork.Process(target=work, args=arguments)
    process.start()
    return process


def test_a_thousand_in_a_burst(store, store_url, tmp_path):
    for number in range(CALLS):
        queued(store, f"call-{number}")
    store.close()
    journals = (tmp_path / f"{number}" for number in range(10_000))
    receivers = [start(receive, store_url, number) for number in range(RECEIVERS)]
    readers = [start(follow, store_url, next(journals)) for _ in range(READERS)]
    chance = random.Random(7)
    for _ in range(KILLS):
        time.sleep(chance.uniform(0.05, 0.3))
        victim = readers.pop(chance.randrange(READERS))
        os.kill(victim.pid, signal.SIGKILL)
        victim.join()
        readers.append(start(follow, store_url, next(journals)))
    for receiver in receivers:
        receiver.join(PATIENCE)
        assert receiver.exitcode == 0
    for reader in readers:
        reader.kill()
        reader.join()
    with store.cursors.calls("follow_up", CompletionFilter(), datetime.now(UTC) - timedelta(days=1)) as calls:
        left = [call.call_id for call in calls]
    done = [line for path in tmp_path.iterdir() if path.name.isdigit() for line in path.read_text().split()]
    assert {*done, *left} == {f"call-{number}" for number in range(CALLS)}
    # Most was done by those who were killed, and by those who read beside them.
    assert len(done) > len(left)
