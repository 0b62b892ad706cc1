"""A list may be stopped at any moment: no answer is lost, and what was not sent is neither unknown nor forgotten."""

from __future__ import annotations

from collections import Counter

import pytest

from airflow_provider_voiceinfra.lists.sender_pool import Crew
from airflow_provider_voiceinfra.sandbox import Sandbox
from airflow_provider_voiceinfra.store.errors import StoreError, StoreUnavailableError
from tests.integration.calls import test_waves
from tests.integration.calls.test_waves import ROWS, to_the_end, waves


class StoppedError(BaseException):
    """As Airflow raises in a task that it ends."""


@pytest.fixture
def sandbox(monkeypatch):
    """A VoiceInfra whose calls never end, and lines for all of them."""
    monkeypatch.setattr(test_waves, "LINES", ROWS)
    with Sandbox(delay=None) as sandbox:
        yield sandbox


def states(store):
    return Counter(call.state.value for call in store.calls.iterate())


def dials(sandbox):
    """How often each number was dialled."""
    return Counter(dial.to_number for dial in sandbox.dials)


def stop_at_fence(monkeypatch, store, *, turn, passed):
    """Stop the list when calls pass the fence, the first time or later: before that is committed, or right after."""
    advance, turns = store.claims.advance, []

    def stopped(queued, at_fence):
        turns.extend([turn] if at_fence else [])
        if len(turns) != turn or not at_fence:
            return advance(queued, at_fence)
        if passed:
            advance(queued, at_fence)
        raise StoppedError

    monkeypatch.setattr(store.claims, "advance", stopped)


@pytest.mark.parametrize("passed", [False, True])
@pytest.mark.parametrize("turn", [1, 2])
def test_stopped_at_the_fence_all_that_was_not_sent_is_let_go_and_dialled_by_the_next_try(
    store, sandbox, monkeypatch, turn, passed
):
    ours, _ = waves(store, sandbox.url)
    with monkeypatch.context() as patch:
        stop_at_fence(patch, store, turn=turn, passed=passed)
        with pytest.raises(StoppedError):
            ours.run()
    sent = len(sandbox.dials)
    assert (sent == 0) == (turn == 1)
    after = states(store)
    assert after.pop("queued", 0) == sent
    assert set(after) == {"released"}
    waves(store, sandbox.url)[0].run()
    assert len(dials(sandbox)) == ROWS
    assert set(dials(sandbox).values()) == {1}
    assert states(store)["queued"] == ROWS


def test_what_may_be_sent_already_is_not_let_go(store, sandbox, monkeypatch):
    give, given = Crew.give, []

    def stopped(crew, job):
        give(crew, job)
        given.append(job)
        if len(given) == 3:
            raise StoppedError

    ours, _ = waves(store, sandbox.url)
    with monkeypatch.context() as patch:
        patch.setattr(Crew, "give", stopped)
        with pytest.raises(StoppedError):
            ours.run()
    # Each of the three was sent, and its answer recorded; or its gate was closed before the first byte.
    sent = len(sandbox.dials)
    assert sent <= 3
    assert states(store)["queued"] == sent
    assert set(states(store)) <= {"queued", "released"}
    waves(store, sandbox.url)[0].run()
    assert set(dials(sandbox).values()) == {1}
    assert len(dials(sandbox)) == ROWS


def test_stopped_while_answers_are_recorded_they_are_recorded_all_the_same(store, sandbox, monkeypatch):
    advance, stops = store.claims.advance, [StoppedError]

    def stopped(queued, at_fence):
        if queued and stops:
            raise stops.pop()
        return advance(queued, at_fence)

    ours, _ = waves(store, sandbox.url)
    monkeypatch.setattr(store.claims, "advance", stopped)
    with pytest.raises(StoppedError):
        ours.run()
    assert states(store)["queued"] == len(sandbox.dials) > 0
    assert set(states(store)) <= {"queued", "released"}


def test_what_cannot_be_let_go_because_the_store_is_away_is_not_dialled_again(store, sandbox, monkeypatch):
    def away(*_):
        raise StoreUnavailableError("somewhere", "it is away")

    ours, _ = waves(store, sandbox.url)
    with monkeypatch.context() as patch:
        stop_at_fence(patch, store, turn=1, passed=True)
        patch.setattr(store.claims, "release_all", away)
        with pytest.raises(StoppedError):
            ours.run()
    left = states(store)["claimed"]
    assert left > 0
    waves(store, sandbox.url)[0].run()
    assert len(sandbox.dials) == ROWS - left
    assert set(dials(sandbox).values()) == {1}


def test_an_answer_that_the_store_cannot_be_told_is_in_the_log(store, sandbox, monkeypatch, caplog):
    advance = store.claims.advance

    def away(queued, at_fence):
        if queued:
            raise StoreUnavailableError("somewhere", "it is away")
        return advance(queued, at_fence)

    ours, _ = waves(store, sandbox.url, record_deadline=0.0)
    monkeypatch.setattr(store.claims, "advance", away)
    with pytest.raises(StoreError):
        ours.run()
    said = {record.getMessage() for record in caplog.records if "could not be told" in record.getMessage()}
    refs = {call.ref for call in store.calls.iterate(state="claimed")}
    assert len(said) == len(sandbox.dials) == len(refs) > 0
    for dial in sandbox.dials:
        assert any(dial.call_id in line for line in said)
    assert all(any(ref in line for line in said) for ref in refs)
    assert "+1212" not in caplog.text


def test_a_list_that_is_stopped_at_any_moment_loses_no_answer_and_begins_nothing_more(voiceinfra, monkeypatch):
    monkeypatch.setattr("airflow_provider_voiceinfra.lists.list_dialer._ASK_INTERVAL", 0.0)
    store = voiceinfra.store

    def stop():
        if voiceinfra.dials:
            raise StoppedError

    ours, list_id = waves(store, voiceinfra.sandbox.url, stop)
    with pytest.raises(StoppedError):
        ours.run()
    calls = Counter(call.state for call in store.calls.iterate(list_id=list_id))
    assert calls["queued"] + calls["completed"] == len(voiceinfra.dials) > 0
    assert set(calls) <= {"queued", "completed", "released"}
    to_the_end(waves(store, voiceinfra.sandbox.url)[0])
    assert Counter(dial.to_number for dial in voiceinfra.dials).most_common(1)[0][1] == 1
    assert store.lists.counts(list_id) == {("done", "answered"): ROWS}
