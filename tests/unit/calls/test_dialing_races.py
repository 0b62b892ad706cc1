"""However many dial for one key, one POST is sent, and all get its call."""

from __future__ import annotations

import threading

import pytest

from airflow_provider_voiceinfra.calls.retry import RetryPolicy
from airflow_provider_voiceinfra.errors import CallUnknownError, RateLimitedError
from tests.support.call_samples import dialer, intent, only_call
from tests.support.race import PATIENCE, in_processes, in_threads
from tests.support.store_samples import events
from tests.support.wire import QUEUED, answer, hang_up, queued, queued_each, refuse, wire

pytestmark = pytest.mark.usefixtures("naps")


@pytest.mark.parametrize("key", ["reminder-7", None], ids=["own key", "default key"])
def test_threads_that_race_for_a_key_send_one_post(open_store, key):
    with wire(queued) as server:
        placed = in_threads(*[lambda: dialer(open_store(), server.url).place(intent(key)).call_id] * 5)
    assert placed == ["call-1"] * 5
    assert len(server.requests) == 1


def test_processes_that_race_for_a_key_send_one_post(open_store):
    with wire(queued) as server:
        placed = in_processes(4, lambda _: dialer(open_store(), server.url).place(intent()).call_id)
    assert placed == ["call-1"] * 4
    assert len(server.requests) == 1


def test_who_comes_while_the_post_is_under_way_waits_for_its_answer(open_store):
    asked, come = threading.Event(), threading.Event()

    def wait_for_the_others():
        asked.set()
        assert come.wait(PATIENCE)

    def second():
        assert asked.wait(PATIENCE)
        return dialer(open_store(), server.url).place(intent(), on_call_id=lambda _: None)

    def third():
        assert asked.wait(PATIENCE)
        come.set()

    with wire(answer(200, QUEUED, meanwhile=wait_for_the_others)) as server:
        placed = in_threads(lambda: dialer(open_store(), server.url).place(intent()), second, third)
    assert placed[0] == placed[1]
    assert len(server.requests) == 1


def test_nobody_dials_after_an_answer_that_nobody_knows(open_store):
    def place() -> str:
        with pytest.raises(CallUnknownError) as error:
            dialer(open_store(), server.url).place(intent())
        return error.value.ref

    with wire(hang_up, queued) as server:
        refs = in_threads(*[place] * 4)
    assert len(set(refs)) == 1
    assert len(server.requests) == 1


def test_a_key_that_is_let_go_goes_to_the_next_who_waits(open_store):
    """Each who is limited lets the key go; each who waits then dials for himself: one after the other."""

    def place() -> str:
        try:
            return dialer(open_store(), server.url, retry=RetryPolicy(attempts=1)).place(intent()).state
        except RateLimitedError:
            return "limited"

    with wire(answer(429), answer(429), queued) as server:
        ends = in_threads(*[place] * 5)
    assert sorted(ends) == ["limited"] * 2 + ["queued"] * 3
    assert len(server.requests) == 3


def test_races_for_different_keys_do_not_meet(open_store):
    with wire(queued_each) as server:
        in_threads(*[lambda key=str(n): dialer(open_store(), server.url).place(intent(key)) for n in range(5)])
    assert len(server.requests) == 5


def test_environments_do_not_meet(open_store):
    with wire(queued_each) as server:
        for environment in ("staging", "production"):
            store = open_store(environment=environment)
            call = dialer(store, server.url).place(intent())
            assert events(store, call.id) == ["claimed", "permitted", "queued"]
            assert only_call(store) == call
    assert len(server.requests) == 2


def test_two_calls_that_are_answered_with_one_call_id_are_both_unknown(open_store):
    with wire(queued) as server:
        ours = dialer(open_store(), server.url)
        first = ours.place(intent("one"))
        with pytest.raises(CallUnknownError, match="VoiceInfra gave its call_id to another call too"):
            ours.place(intent("two"))
        assert {call.state for call in open_store().calls.iterate()} == {"unknown"}
        for key in ("one", "two"):
            with pytest.raises(CallUnknownError):
                ours.place(intent(key))
    assert len(server.requests) == 2
    assert first.call_id == "call-1"


def test_a_rejected_key_is_dialled_again_only_by_who_asks_again(open_store):
    with wire(refuse(422, "invalid_phone", "no"), queued) as server:
        with pytest.raises(Exception, match="422 invalid_phone"):
            dialer(open_store(), server.url).place(intent())
        assert len(server.requests) == 1
        dialer(open_store(), server.url).place(intent())
    assert len(server.requests) == 2
