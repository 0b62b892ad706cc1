"""A task may be stopped, and the store may go away, at any moment: no call is placed twice, no answer is lost."""

from __future__ import annotations

import signal
import threading
from datetime import timedelta

import pytest

from airflow_provider_voiceinfra.calls import recorder, sending
from airflow_provider_voiceinfra.calls.send_gate import ClaimedCall
from airflow_provider_voiceinfra.calls.stop import StopFlag
from airflow_provider_voiceinfra.errors import CallUnknownError, VoiceInfraError
from airflow_provider_voiceinfra.guard.errors import CallPausedError
from airflow_provider_voiceinfra.guard.limits import Limits
from airflow_provider_voiceinfra.store import clock, schema, sqlite
from airflow_provider_voiceinfra.store.errors import StoreError
from airflow_provider_voiceinfra.store.guard import lifetimes
from tests.support.call_samples import dialer, intent, only_call
from tests.support.store_samples import events, make_old, rows
from tests.support.wire import answer, queued, wire
from tests.unit.calls.outage import Outage


@pytest.fixture
def outage(store_url, kind, request, monkeypatch):
    monkeypatch.setattr(sqlite, "LOCK_TIMEOUT", 0.01)
    outage = Outage(store_url, None if kind == "sqlite" else request.getfixturevalue("postgres_url"))
    yield outage
    outage.end()


def stopped(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


@pytest.fixture
def at_nap(monkeypatch, naps):
    """Let something happen at the next pause."""

    def set_up(happens) -> None:
        nap = recorder.time.sleep
        monkeypatch.setattr(recorder.time, "sleep", lambda seconds: (nap(seconds), happens()))
        monkeypatch.setattr(StopFlag, "sleep", lambda self, seconds: (nap(seconds), happens()))

    return set_up


def test_the_caller_is_told_before_the_store_which_is_told_when_it_is_back(store, outage, at_nap):
    def told(call_id: str) -> None:
        assert (call_id, only_call(store).state) == ("call-1", "claimed")
        outage.begin()

    at_nap(outage.end)
    with wire(queued) as server:
        assert dialer(store, server.url).place(intent(), on_call_id=told).state == "queued"
    assert only_call(store).call_id == "call-1"


def test_a_store_that_stays_away_is_an_error_and_nothing_is_dialled_again(store, outage, naps):
    with wire(queued) as server:
        ours = dialer(store, server.url, record_deadline=0)
        with pytest.raises(StoreError):
            ours.place(intent(), on_call_id=lambda _: outage.begin())
        outage.end()
        make_old(store, only_call(store))
        with pytest.raises(CallUnknownError):
            ours.place(intent())
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [422, 500])
def test_a_refusal_and_a_doubt_are_recorded_too_when_the_store_is_back(store, outage, at_nap, status):
    def play(talk):
        talk.read()
        outage.begin()
        talk.send(f"{status} Said", body=b"{}")

    at_nap(outage.end)
    with wire(play) as server, pytest.raises(VoiceInfraError, match=str(status)):
        dialer(store, server.url).place(intent())
    assert only_call(store).state == {422: "rejected", 500: "unknown"}[status]


def test_a_store_that_is_away_before_the_post_lets_nothing_be_sent(store, outage, at_nap, monkeypatch):
    request_permit = store.claims.request_permit

    def away(*claim):
        outage.begin()
        return request_permit(*claim)

    monkeypatch.setattr(store.claims, "request_permit", away)
    at_nap(outage.end)
    with wire(queued) as server, pytest.raises(StoreError):
        dialer(store, server.url).place(intent())
    assert server.requests == []
    assert only_call(store).state == "released"


def test_stopped_during_the_post_it_is_unknown(store, monkeypatch):
    monkeypatch.setattr(sending, "LAST_ANSWER_TIME", 0.1)
    # As Airflow's timeouts do, and Ctrl-C.
    before, answered = signal.signal(signal.SIGUSR1, stopped), threading.Event()

    def stop(talk):
        talk.read()
        signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1)
        answered.wait(60)

    with wire(stop) as server, pytest.raises(KeyboardInterrupt):
        dialer(store, server.url).place(intent())
    answered.set()
    signal.signal(signal.SIGUSR1, before)
    assert only_call(store).state == "unknown"
    assert len(server.requests) == 1


def test_stopped_between_two_attempts_it_is_let_go(store, at_nap):
    at_nap(stopped)
    with wire(answer(429)) as server, pytest.raises(KeyboardInterrupt):
        dialer(store, server.url).place(intent())
    assert only_call(store).state == "released"
    assert len(server.requests) == 1


def test_stopped_before_the_post_it_is_let_go(store, monkeypatch):
    monkeypatch.setattr(store.claims, "request_permit", stopped)
    with wire(queued) as server, pytest.raises(KeyboardInterrupt):
        dialer(store, server.url).place(intent())
    assert only_call(store).state == "released"
    assert server.requests == []


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_whoever_cannot_be_told_the_call_id_the_store_is(store, error):
    def fails(_: str) -> None:
        raise error

    with wire(queued) as server, pytest.raises(error):
        dialer(store, server.url).place(intent(), on_call_id=fails)
    assert only_call(store).state == "queued"


def test_stopped_while_recording_the_answer_is_recorded(store, monkeypatch):
    record, stops = store.claims.record_queued, [stopped]

    def record_queued(*told):
        if stops:
            stops.pop()()
        record(*told)

    monkeypatch.setattr(store.claims, "record_queued", record_queued)
    with wire(queued) as server, pytest.raises(KeyboardInterrupt):
        dialer(store, server.url).place(intent())
    assert only_call(store).call_id == "call-1"
    assert events(store, only_call(store).id) == ["claimed", "permitted", "queued"]


def test_a_pause_that_comes_while_the_connection_is_made_lets_nothing_be_sent(store, trusted_tls):
    """A send permit is asked for with the connection made: a slow handshake does not outlive a pause."""
    connecting, paused = threading.Event(), threading.Event()

    def play(talk):
        connecting.set()
        paused.wait(30)
        talk.start_tls(trusted_tls)
        queued(talk)

    def pause():
        connecting.wait(30)
        store.pauses.pause("all", "", reason="it says the wrong date", actor="ada")
        paused.set()

    with wire(play) as server:
        pausing = threading.Thread(target=pause)
        pausing.start()
        with pytest.raises(CallPausedError):
            dialer(store, server.url.replace("http", "https")).place(intent())
        pausing.join()
        assert server.requests == []
    assert only_call(store).state == "waiting"


def claimed(store, ours, key="one"):
    what = intent(key)
    return ClaimedCall(store.claims.take(ours.claim_request(what)).claim, what.request)


def test_a_post_that_has_missed_its_send_slot_is_sent_in_another_one(store):
    with wire(queued) as server:
        ours = dialer(store, server.url, limits=Limits(calls_per_second=2))
        call = claimed(store, ours)
        permit = store.claims.request_permit(call.claim).permit
        with clock.shift(timedelta(seconds=1)):
            assert permit.slot.send_by < store.database.clock.now() < permit.valid_until
            gate = ours.sender.gate(call, StopFlag(), permit)
            assert ours.sender.attempt(gate) == "call-1"
    assert gate.missed_slots == 1
    assert len(server.requests) == 1


def test_a_permit_that_ends_before_its_send_slot_is_renewed_in_time(store, monkeypatch):
    monkeypatch.setattr(lifetimes, "PERMIT_LIFETIME", timedelta(seconds=0.8))
    ours = dialer(store, "http://127.0.0.1:9", limits=Limits(calls_per_second=1))
    calls = [claimed(store, ours, key) for key in ("first", "second")]
    [_, result] = store.claims.record_and_permit([], [call.claim for call in calls])
    assert result.permit.slot.send_at > result.permit.valid_until
    gate = ours.sender.gate(calls[1], StopFlag(), result.permit)
    gate.wait_for_slot()
    gate()
    assert gate.missed_slots == 0
    assert [rows(store, schema.budget)[0].next_at] == [result.permit.slot.send_at + timedelta(seconds=1.02)]


def test_a_permit_that_was_not_used_at_once_is_asked_for_again(store, monkeypatch):
    """As where a list's permits are granted together, and one connection takes long."""
    ours = dialer(store, "http://127.0.0.1:9")
    call = claimed(store, ours)
    with monkeypatch.context() as patch:
        patch.setattr(lifetimes, "PERMIT_LIFETIME", timedelta(0))
        late = store.claims.request_permit(call.claim).permit
    ours.sender.gate(call, StopFlag(), late)()
    assert events(store, call.claim.id) == ["claimed", "permitted", "permitted"]
