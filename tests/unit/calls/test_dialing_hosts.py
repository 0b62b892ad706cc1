"""All calls of a key are placed at one host: at another one nothing is sent, and the sandbox is in nobody's way."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from airflow_provider_voiceinfra.calls.api import VoiceInfraApi
from airflow_provider_voiceinfra.calls.call_intent import CallIntent
from airflow_provider_voiceinfra.calls.dialing import Dialer
from airflow_provider_voiceinfra.calls.keys import own_key, task_key
from airflow_provider_voiceinfra.calls.retry import RetryPolicy
from airflow_provider_voiceinfra.errors import HostConflictError, VoiceInfraError
from airflow_provider_voiceinfra.guard.errors import CallDeferredError, NumberLimitError
from airflow_provider_voiceinfra.guard.limits import Limits
from airflow_provider_voiceinfra.store.guard.pauses import Scope
from airflow_provider_voiceinfra.store.guard.rules import Cap
from airflow_provider_voiceinfra.store.models import Realm
from tests.support.call_samples import NUMBER, SOURCE, account, intent, only_call, request
from tests.support.store_samples import deliver
from tests.support.wire import answer, hang_up, queued, queued_each, refuse, wire

pytestmark = pytest.mark.usefixtures("naps")
HERE, THERE = "https://api.voiceinfra.ai/v1", "https://eu.voiceinfra.ai/v1"
SANDBOX = "http://127.0.0.1:8099/v1"


@pytest.fixture
def at(store):
    """Dial at a host, whose answers are a server's on this machine."""

    def dial(host, server, **options):
        api = VoiceInfraApi(account(server.url))
        return Dialer(store, account(host, **options), api=api, retry=RetryPolicy(attempts=1))

    return dial


def refused(dialer, what, **options):
    with pytest.raises(HostConflictError) as error:
        dialer.place(what, settle_wait=0, **options)
    return error.value


def test_a_key_whose_call_was_placed_at_another_host_is_a_conflict_that_names_both_and_the_remedies(store, at):
    with wire(queued_each) as server:
        placed = at(HERE, server).place(intent())
        error = refused(at(THERE, server), intent())
    assert len(server.requests) == 1
    assert error.ref == placed.ref
    for said in (
        "host api.voiceinfra.ai",
        "host is eu.voiceinfra.ai",
        "Nothing was dialled",
        "airflow voiceinfra store rename-host api.voiceinfra.ai eu.voiceinfra.ai",
        "[voiceinfra] environment",
    ):
        assert said in str(error)
    assert store.calls.history(placed.id)[-1].detail == {"rule": "host", "host": "eu.voiceinfra.ai"}


@pytest.mark.parametrize("spelling", ["https://API.VoiceInfra.AI/v1", "https://api.voiceinfra.ai.:0443/v1"])
@pytest.mark.parametrize("key", ["reminder-7", None])
def test_another_spelling_of_the_host_finds_the_call(at, key, spelling):
    with wire(queued_each) as server:
        assert at(HERE, server).place(intent(key)) == at(spelling, server).place(intent(key))
    assert len(server.requests) == 1


@pytest.mark.parametrize("key", ["reminder-7", None])
def test_a_call_that_may_have_been_placed_at_another_host_is_a_conflict(at, key):
    with wire(hang_up) as server:
        with pytest.raises(VoiceInfraError):
            at(HERE, server).place(intent(key))
        refused(at(THERE, server), intent(key))
    assert len(server.requests) == 1


def test_a_call_that_is_being_placed_at_another_host_is_a_conflict(store, at):
    with wire(queued_each) as server:
        here = at(HERE, server)
        assert store.claims.take(here.claim_request(intent())).claim
        refused(at(THERE, server), intent())
    assert server.requests == []


def test_a_call_that_waits_to_be_placed_at_another_host_is_a_conflict(store, at):
    store.pauses.pause(Scope.ALL, "", reason="holiday", actor="ada")
    with wire(queued_each) as server:
        with pytest.raises(CallDeferredError):
            at(HERE, server).place(intent())
        store.pauses.resume(Scope.ALL, "", actor="ada")
        refused(at(THERE, server), intent())
        assert server.requests == []
        assert at(HERE, server).place(intent()).state == "queued"


@pytest.mark.parametrize("play", [refuse(400, "validation_error", "no"), answer(429, None)])
def test_a_call_that_was_not_placed_at_another_host_is_in_nobodys_way(at, play):
    with wire(play, queued) as server:
        with pytest.raises(VoiceInfraError):
            at(HERE, server).place(intent())
        assert at(THERE, server).place(intent()).state == "queued"


def test_a_redial_and_a_clear_at_another_host_are_conflicts_too(store, at):
    def again(source=SOURCE, **which):
        what = request()
        return CallIntent(own_key("mine", to_number=what.to_number, **which), what, source)

    with wire(queued, queued_each) as server:
        at(HERE, server).place(again())
        deliver(store, "call-1", to_number=NUMBER, call_outcome="voicemail")
        refused(at(THERE, server), again(attempt=2))
        refused(at(THERE, server), again(replace(SOURCE, generation=2), clear=2))
    assert len(server.requests) == 1


def test_another_map_index_finds_the_number_at_another_host_and_does_not_dial(at):
    what, source = request(), replace(SOURCE, map_index=4)
    with wire(queued_each) as server:
        at(HERE, server).place(intent(None))
        refused(at(THERE, server), CallIntent(task_key(source, to_number=what.to_number), what, source))
    assert len(server.requests) == 1


@pytest.mark.parametrize(("first", "second"), [(SANDBOX, HERE), (HERE, SANDBOX)], ids=["sandbox first", "live first"])
@pytest.mark.parametrize("keys", [("one", "one"), (None, None), ("one", "two")], ids=["own", "default", "two"])
def test_the_sandbox_is_in_no_live_calls_way_and_no_live_call_in_its(at, first, second, keys):
    """By key, by number, by lines or by the day's count."""
    limits = Limits(max_calls_per_number=(Cap(1, timedelta(hours=1)),), max_calls_per_day=1, max_in_flight=1)
    with wire(queued, queued_each) as server:
        at(first, server, limits=limits).place(intent(keys[0]))
        at(second, server, limits=limits).place(intent(keys[1]))
        assert len(server.requests) == 2
        with pytest.raises(NumberLimitError):
            at(second, server, limits=limits).place(intent("other"))


def test_a_rename_of_the_host_lets_its_calls_be_found_at_the_new_one_only(store, at):
    with wire(queued_each) as server:
        placed = at(HERE, server).place(intent())
        assert store.hosts.rename("api.voiceinfra.ai", "eu.voiceinfra.ai", realm=Realm.LIVE, actor="ada") == 1
        assert at(THERE, server).place(intent()).ref == placed.ref
        refused(at(HERE, server), intent())
    assert len(server.requests) == 1
    assert only_call(store).host == "eu.voiceinfra.ai"
