"""A real SIGTERM: no POST begins later, answers are recorded, and nothing that was not sent is left behind."""

from __future__ import annotations

import time
from collections import Counter

import pytest

from airflow_provider_voiceinfra.sandbox import Sandbox
from tests.integration.calls.stoppable import BEFORE_SIGKILL, LATEST, Stoppable, call_a_list, call_everybody, call_one
from tests.integration.calls.test_list_dialer import ROWS, list_dialer
from tests.support.backlog import full_backlog
from tests.support.call_samples import only_call
from tests.support.store_samples import events


def states(store):
    return Counter(call.state.value for call in store.calls.iterate())


def dials(sandbox):
    return Counter(dial.to_number for dial in sandbox.dials)


def posts(sandbox):
    """When each POST came, whether it was taken or not."""
    return sorted(each.at.timestamp() for each in (*sandbox.dials, *sandbox.refused))


def wait_for(what, timeout=60.0):
    end = time.monotonic() + timeout
    while not what():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize(("work", "answer_delay"), [(call_everybody, 0.0), (call_a_list, 0.3)])
def test_no_post_begins_later_and_the_next_try_goes_on(store, store_url, work, answer_delay):
    with Sandbox(delay=None, answer_delay=answer_delay) as sandbox:
        process = Stoppable(work, sandbox.url, store_url)
        sandbox.wait_for_dials(5, 60)
        at = process.stop()
        assert process.said() == "signalled"
        assert process.said() == "CallStoppedError"
        assert process.end() == 0
        assert posts(sandbox)[-1] <= at + LATEST
        after = states(store)
        assert after.pop("queued") == len(sandbox.dials)
        assert set(after) <= {"released"}
        assert set(dials(sandbox).values()) == {1}


def test_a_list_that_was_stopped_is_called_to_its_end_by_the_next_try(store, store_url, monkeypatch):
    monkeypatch.setattr("tests.integration.calls.test_list_dialer.LINES", ROWS)
    with Sandbox(delay=None, answer_delay=0.2) as sandbox:
        process = Stoppable(call_a_list, sandbox.url, store_url)
        sandbox.wait_for_dials(5, 60)
        process.stop()
        process.end()
        list_dialer(store, sandbox.url)[0].run()
        assert len(dials(sandbox)) == ROWS
        assert set(dials(sandbox).values()) == {1}
        assert states(store)["queued"] == ROWS


def test_it_stops_while_it_waits_to_send_again(store, store_url):
    # A number at which VoiceInfra answers 429 each time.
    with Sandbox() as sandbox:
        process = Stoppable(call_one, sandbox.url, store_url, "+12125550133")
        wait_for(lambda: sandbox.refused)
        at = process.stop()
        assert process.said() == "signalled"
        assert process.said(BEFORE_SIGKILL) == "CallStoppedError"
        assert posts(sandbox)[-1] <= at + LATEST
    assert only_call(store).state == "released"


def test_it_stops_while_another_try_is_placing_the_call(store, store_url):
    with Sandbox(answer_delay=300.0) as sandbox:
        first = Stoppable(call_one, sandbox.url, store_url)
        sandbox.wait_for_dials(1, 60)
        second = Stoppable(call_one, sandbox.url, store_url)
        assert second.said() == "waiting"
        second.stop()
        said = [second.said()]
        while said[-1] != "CallStoppedError":
            said.append(second.said(BEFORE_SIGKILL))
        assert "signalled" in said
        first.kill()
        assert len(sandbox.dials) == 1


def test_a_connection_that_is_not_made_in_time_leaves_nothing_claimed(store, store_url):
    with full_backlog() as url:
        process = Stoppable(call_one, url, store_url)
        wait_for(lambda: states(store)["claimed"])
        process.stop()
        assert process.said() == "signalled"
        assert process.said(BEFORE_SIGKILL) == "CallStoppedError"
        process.kill()
    assert only_call(store).state == "released"
    assert events(store, only_call(store).id) == ["claimed", "released"]


def test_no_row_of_a_list_is_left_claimed_by_connections_that_are_not_made(store, store_url):
    with full_backlog() as url:
        process = Stoppable(call_a_list, url, store_url)
        wait_for(lambda: states(store)["claimed"] >= 5)
        process.stop()
        assert process.said() == "signalled"
        assert process.said(BEFORE_SIGKILL) == "CallStoppedError"
        process.kill()
    assert set(states(store)) == {"released"}


@pytest.mark.parametrize("work", [call_one, call_a_list])
def test_an_answer_that_comes_after_the_signal_is_recorded(store, store_url, work):
    with Sandbox(delay=None, answer_delay=2.0) as sandbox:
        process = Stoppable(work, sandbox.url, store_url)
        sandbox.wait_for_dials(1, 60)
        process.stop()
        process.end()
        after = states(store)
        assert after.pop("queued") == len(sandbox.dials)
        assert set(after) <= {"released"}


def test_where_sigterm_ends_the_process_it_does_so_after_the_answer(store, store_url):
    with Sandbox(delay=None, answer_delay=1.0) as sandbox:
        process = Stoppable(call_one, sandbox.url, store_url, dies=True)
        sandbox.wait_for_dials(1, 60)
        process.stop()
        assert process.end() == -15
    assert only_call(store).state == "queued"
