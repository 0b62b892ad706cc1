"""A list may be stopped at any moment: no answer is lost, and what was not sent is neither unknown nor forgotten."""

from __future__ import annotations

from collections import Counter

import pytest

from airflow_provider_voiceinfra.lists.sender_pool import SenderPool
from airflow_provider_voiceinfra.sandbox import Sandbox
from airflow_provider_voiceinfra.store.errors import StoreError, StoreUnavailableError
from airflow_provider_voiceinfra.store.reads.call_filter import CallFilter
from tests.integration.calls import test_list_dialer
from tests.integration.calls.test_list_dialer import ROWS, list_dialer, to_the_end


class StoppedError(BaseException):
    """As Airflow raises in a task that it ends."""


@pytest.fixture
def sandbox(monkeypatch):
    """A VoiceInfra whose calls never end, and lines for all of them."""
    monkeypatch.setattr(test_list_dialer, "LINES", ROWS)
    with Sandbox(delay=None) as sandbox:
        yield sandbox


def states(store):
    return Counter(call.state.value for call in store.calls.iterate())


def dials(sandbox):
    """How often each number was dialled."""
    return Counter(dial.to_number for dial in sandbox.dials)


def stop_at_permits(monkeypatch, store, *, time, granted):
    """Stop the list when it asks for permits, the first time or later: before they are committed, or right after."""
    record_and_permit, times = store.claims.record_and_permit, []

    def stopped(answers, claims):
        times.extend([time] if claims else [])
        if len(times) != time or not claims:
            return record_and_permit(answers, claims)
        if granted:
            record_and_permit(answers, claims)
        raise StoppedError

    monkeypatch.setattr(store.claims, "record_and_permit", stopped)


@pytest.mark.parametrize("granted", [False, True])
@pytest.mark.parametrize("time", [1, 2])
def test_stopped_at_the_permits_all_that_was_not_sent_is_released_and_dialled_by_the_next_try(
    store, sandbox, monkeypatch, time, granted
):
    ours, _ = list_dialer(store, sandbox.url)
    with monkeypatch.context() as patch:
        stop_at_permits(patch, store, time=time, granted=granted)
        with pytest.raises(StoppedError):
            ours.run()
    sent = len(sandbox.dials)
    assert (sent == 0) == (time == 1)
    after = states(store)
    assert after.pop("queued", 0) == sent
    assert set(after) == {"released"}
    list_dialer(store, sandbox.url)[0].run()
    assert len(dials(sandbox)) == ROWS
    assert set(dials(sandbox).values()) == {1}
    assert states(store)["queued"] == ROWS


def test_what_may_be_sent_already_is_not_let_go(store, sandbox, monkeypatch):
    submit, submitted = SenderPool.submit, []

    def stopped(pool, claimed, permit):
        submit(pool, claimed, permit)
        submitted.append(claimed)
        if len(submitted) == 3:
            raise StoppedError

    ours, _ = list_dialer(store, sandbox.url)
    with monkeypatch.context() as patch:
        patch.setattr(SenderPool, "submit", stopped)
        with pytest.raises(StoppedError):
            ours.run()
    # Each of the three was sent, and its answer recorded; or its gate was closed before the first byte.
    sent = len(sandbox.dials)
    assert sent <= 3
    assert states(store)["queued"] == sent
    assert set(states(store)) <= {"queued", "released"}
    list_dialer(store, sandbox.url)[0].run()
    assert set(dials(sandbox).values()) == {1}
    assert len(dials(sandbox)) == ROWS


def test_stopped_while_answers_are_recorded_they_are_recorded_all_the_same(store, sandbox, monkeypatch):
    record_and_permit, stops = store.claims.record_and_permit, [StoppedError]

    def stopped(answers, claims):
        if answers and stops:
            raise stops.pop()
        return record_and_permit(answers, claims)

    ours, _ = list_dialer(store, sandbox.url)
    monkeypatch.setattr(store.claims, "record_and_permit", stopped)
    with pytest.raises(StoppedError):
        ours.run()
    assert states(store)["queued"] == len(sandbox.dials) > 0
    assert set(states(store)) <= {"queued", "released"}


def test_what_cannot_be_let_go_because_the_store_is_away_is_not_dialled_again(store, sandbox, monkeypatch):
    def away(*_):
        raise StoreUnavailableError("somewhere", "it is away")

    ours, _ = list_dialer(store, sandbox.url)
    with monkeypatch.context() as patch:
        stop_at_permits(patch, store, time=1, granted=True)
        patch.setattr(store.claims, "release_all", away)
        with pytest.raises(StoppedError):
            ours.run()
    left = states(store)["claimed"]
    assert left > 0
    list_dialer(store, sandbox.url)[0].run()
    assert len(sandbox.dials) == ROWS - left
    assert set(dials(sandbox).values()) == {1}


def test_an_answer_that_the_store_cannot_be_told_is_in_the_log(store, sandbox, monkeypatch, caplog):
    record_and_permit = store.claims.record_and_permit

    def away(answers, claims):
        if answers:
            raise StoreUnavailableError("somewhere", "it is away")
        return record_and_permit(answers, claims)

    ours, _ = list_dialer(store, sandbox.url, record_deadline=0.0)
    monkeypatch.setattr(store.claims, "record_and_permit", away)
    with pytest.raises(StoreError):
        ours.run()
    said = {record.getMessage() for record in caplog.records if "could not be recorded" in record.getMessage()}
    refs = {call.ref for call in store.calls.iterate(CallFilter(state="claimed"))}
    assert len(said) == len(sandbox.dials) == len(refs) > 0
    for dial in sandbox.dials:
        assert any(dial.call_id in line for line in said)
    assert all(any(ref in line for line in said) for ref in refs)
    assert "+1212" not in caplog.text


def test_a_list_that_is_stopped_at_any_moment_loses_no_answer_and_begins_nothing_more(voiceinfra, monkeypatch):
    monkeypatch.setattr("airflow_provider_voiceinfra.lists.list_dialer._ELIGIBILITY_INTERVAL", 0.0)
    store = voiceinfra.store

    def stop():
        if voiceinfra.dials:
            raise StoppedError

    ours, list_id = list_dialer(store, voiceinfra.sandbox.url, stop)
    with pytest.raises(StoppedError):
        ours.run()
    calls = Counter(call.state for call in store.calls.iterate(CallFilter(list_id=list_id)))
    assert calls["queued"] + calls["completed"] == len(voiceinfra.dials) > 0
    assert set(calls) <= {"queued", "completed", "released"}
    to_the_end(list_dialer(store, voiceinfra.sandbox.url)[0])
    assert Counter(dial.to_number for dial in voiceinfra.dials).most_common(1)[0][1] == 1
    assert store.lists.counts(list_id) == {("done", "answered"): ROWS}
