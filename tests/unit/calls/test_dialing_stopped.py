"""A task may be stopped, and the store may go away, at any moment: no call is placed twice, no answer is lost."""

from __future__ import annotations

import signal
import threading

import pytest

from airflow_provider_voiceinfra.calls import sending
from airflow_provider_voiceinfra.calls.errors import CallUnknownError, VoiceInfraError
from airflow_provider_voiceinfra.store import sqlite
from airflow_provider_voiceinfra.store.errors import StoreError
from tests.unit.calls.outage import Outage
from tests.unit.calls.samples import dialer, intent, only_call
from tests.unit.calls.wire import answer, queued, wire
from tests.unit.store.samples import events, make_old


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
        nap = sending.time.sleep
        monkeypatch.setattr(sending.time, "sleep", lambda seconds: (nap(seconds), happens()))

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
        outage.begin()
        answer(status)(talk)

    at_nap(outage.end)
    with wire(play) as server, pytest.raises(VoiceInfraError, match=str(status)):
        dialer(store, server.url).place(intent())
    assert only_call(store).state == {422: "rejected", 500: "unknown"}[status]


def test_a_store_that_is_away_before_the_post_lets_nothing_be_sent(store, outage, at_nap, monkeypatch):
    fence = store.claims.fence

    def away(*claim, **_):
        outage.begin()
        return fence(*claim)

    monkeypatch.setattr(store.claims, "fence", away)
    at_nap(outage.end)
    with wire(queued) as server, pytest.raises(StoreError):
        dialer(store, server.url).place(intent())
    assert server.requests == []
    assert only_call(store).state == "released"


def test_stopped_during_the_post_it_is_unknown(store):
    # As Airflow's timeouts do, and Ctrl-C.
    before = signal.signal(signal.SIGUSR1, stopped)

    def stop(talk):
        talk.read()
        signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1)
        talk.sock.recv(1)

    with wire(stop) as server, pytest.raises(KeyboardInterrupt):
        dialer(store, server.url).place(intent())
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
    monkeypatch.setattr(store.claims, "fence", stopped)
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
    assert events(store, only_call(store).id) == ["claimed", "dialling", "queued"]
