"""The table of DESIGN.md, row by row: what the POST met, where the call is then, and what may be dialled."""

from __future__ import annotations

import gc
import json
import socket
import threading

import pytest

from airflow_provider_voiceinfra.calls.retry import RetryPolicy
from airflow_provider_voiceinfra.calls.transport import Timeouts
from airflow_provider_voiceinfra.errors import (
    CallNotSentError,
    CallRejectedError,
    CallUnknownError,
    RateLimitedError,
    VoiceInfraError,
)
from tests.support.call_samples import dialer, intent, only_call, shows_no_secret
from tests.support.store_samples import claim_request, events
from tests.support.wire import (
    QUEUED,
    answer,
    hang_up,
    nonsense,
    queued,
    refuse,
    reset_at_once,
    until_the_client_goes,
    wire,
)

pytestmark = pytest.mark.usefixtures("naps")
THRICE = RetryPolicy(attempts=3)


def test_a_call_that_is_taken_is_queued(store):
    told: list[str] = []
    with wire(queued) as server:
        call = dialer(store, server.url).place(intent(), on_call_id=told.append)
    assert (call.state, call.call_id, told) == ("queued", "call-1", ["call-1"])
    assert (call.idempotency_key, call.metadata, call.to_number) == ("reminder-7", {"id": 7}, "+14155550147")
    assert call == only_call(store)
    assert len(server.requests) == 1
    assert events(store, call.id) == ["claimed", "permitted", "queued"]


def test_a_dialer_that_is_gone_leaves_no_thread_and_no_connection(store):
    def keep(talk):
        while talk.read():
            talk.send("200 OK", body=json.dumps(QUEUED).encode(), last=False)

    before = set(threading.enumerate())
    with wire(keep) as server:
        ours = dialer(store, server.url)
        ours.place(intent())
        [thread] = [each for each in set(threading.enumerate()) - before if each.name.startswith("voiceinfra-post")]
        del ours
        gc.collect()
        thread.join(60)
    assert not thread.is_alive()


@pytest.mark.parametrize("key", ["reminder-7", None], ids=["own key", "default key"])
def test_a_key_that_has_placed_its_call_places_no_other(store, key):
    told: list[str] = []
    with wire(queued) as server:
        ours = dialer(store, server.url)
        assert ours.place(intent(key)) == ours.place(intent(key), on_call_id=told.append)
    assert len(server.requests) == 1
    assert told == ["call-1"]


@pytest.mark.parametrize("status", [302, 400, 401, 402, 404, 403, 422, 451])
def test_a_refused_call_is_rejected_and_its_key_is_free_for_a_fixed_one(store, status):
    with wire(refuse(status, "some_code", "because"), queued) as server:
        ours = dialer(store, server.url)
        with pytest.raises(CallRejectedError) as error:
            ours.place(intent())
        rejected = only_call(store)
        assert (rejected.state, rejected.error_code, rejected.error_message) == ("rejected", "some_code", "because")
        assert error.value.ref == rejected.ref
        assert str(error.value).startswith(f"Call {rejected.ref}: ")
        assert len(server.requests) == 1
        assert ours.place(intent(context="fixed")).state == "queued"


@pytest.mark.parametrize(
    "play",
    [
        *[refuse(status, "server_error", "") for status in (408, 500, 502, 503)],
        answer(200),
        answer(200, {"call_id": ""}),
        hang_up,
        reset_at_once,
        nonsense,
    ],
    ids=["408", "500", "502", "503", "unreadable", "without id", "closed", "reset", "nonsense"],
)
def test_a_call_that_may_have_been_taken_is_unknown_and_never_dialled_again(store, play):
    with wire(play, queued) as server:
        ours = dialer(store, server.url)
        with pytest.raises(CallUnknownError, match="It is not dialled again") as error:
            ours.place(intent())
        assert error.value.ref == only_call(store).ref
        assert only_call(store).state == "unknown"
        with pytest.raises(CallUnknownError):
            ours.place(intent())
    assert len(server.requests) == 1


def test_a_timeout_after_the_request_is_unknown(store):
    with wire(until_the_client_goes) as server, pytest.raises(CallUnknownError):
        dialer(store, server.url, timeouts=Timeouts(connect=20, read=0.1)).place(intent())
    assert only_call(store).state == "unknown"
    assert len(server.requests) == 1


def test_what_was_not_written_is_tried_again_and_then_let_go(store, naps):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(CallNotSentError, match="nothing was sent") as error:
        dialer(store, f"http://127.0.0.1:{port}", retry=THRICE).place(intent())
    released = only_call(store)
    assert (released.state, error.value.ref) == ("released", released.ref)
    # No send permit is asked for before there is a connection.
    assert events(store, released.id) == ["claimed", "released"]
    assert len(naps) == 2


def test_what_was_limited_is_tried_again_and_then_let_go(store):
    with wire(answer(429)) as server, pytest.raises(RateLimitedError):
        dialer(store, server.url, retry=THRICE).place(intent())
    assert only_call(store).state == "released"
    assert len(server.requests) == 3


def test_a_call_let_go_may_be_dialled_by_the_next_try(store):
    with wire(answer(429), queued) as server:
        ours = dialer(store, server.url, retry=RetryPolicy(attempts=1))
        with pytest.raises(RateLimitedError):
            ours.place(intent())
        assert ours.place(intent()).state == "queued"
    assert len(server.requests) == 2


def test_an_attempt_that_is_taken_ends_the_attempts(store, naps):
    with wire(answer(429, None, "Retry-After: 7"), answer(429), queued) as server:
        assert dialer(store, server.url).place(intent()).state == "queued"
    assert len(server.requests) == 3
    assert naps[0] >= 7


def test_attempts_end_at_the_deadline(store, naps):
    with wire(answer(429, None, "Retry-After: 61"), queued) as server, pytest.raises(RateLimitedError):
        dialer(store, server.url, retry=RetryPolicy(deadline=60)).place(intent())
    assert len(server.requests) == 1
    assert naps == []


def test_errors_show_no_secret(store):
    echo = refuse(400, "bad", f"{intent().request.body()}")
    with wire(echo, refuse(500, "server_error", str(intent().request.body())), answer(429)) as server:
        ours = dialer(store, server.url, retry=RetryPolicy(attempts=1))
        for key in ("a", "b", "c", "b"):
            with pytest.raises(VoiceInfraError) as error:
                ours.place(intent(key))
            assert shows_no_secret(f"{error.value} {error.value!r} {error.value.__cause__}")
    assert store.claims.take(claim_request("other"))
