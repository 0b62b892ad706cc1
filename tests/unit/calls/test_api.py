"""What each answer means: taken, not taken, or not known."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from airflow_provider_voiceinfra.calls import errors
from airflow_provider_voiceinfra.calls.api import VoiceInfraApi
from airflow_provider_voiceinfra.calls.transport import Timeouts
from tests.unit.calls.samples import CALLER, CONTEXT, FIRST_MESSAGE, KEY, NUMBER, account, request, shows_no_secret
from tests.unit.calls.wire import Play, answer, hang_up, queued, refuse, until_the_client_goes, wire


def place(play: Play) -> str:
    """Place a call that a server answers so."""
    with wire(play) as server:
        return VoiceInfraApi(account(server.url + "/v1")).place_call(request())


def test_a_call_that_was_taken():
    with wire(queued) as server:
        assert VoiceInfraApi(account(server.url + "/v1")).place_call(request()) == "call-1"
    ((head, body),) = server.requests
    assert head.startswith("POST /v1/calls/outbound HTTP/1.1")
    assert f"X-API-Key: {KEY}" in head
    assert "Content-Type: application/json" in head
    assert json.loads(body) == request().body()


@pytest.mark.parametrize("status", [200, 201, 202])
def test_any_success_with_a_call_id_was_taken(status):
    assert place(answer(status, {"call_id": "call-1"})) == "call-1"


@pytest.mark.parametrize(
    ("status", "kind", "remedy"),
    [
        (400, errors.RequestInvalidError, "from_number must be one of the account's own"),
        (401, errors.AuthenticationError, "password of connection 'voiceinfra_default'"),
        (404, errors.AgentNotFoundError, "API tab of the agent's settings"),
        (422, errors.PhoneInvalidError, r"like \+14155550100"),
        (302, errors.RedirectedError, "mend the host of connection 'voiceinfra_default'"),
        (402, errors.CallRejectedError, "ask VoiceInfra what the code means"),
        (499, errors.CallRejectedError, "ask VoiceInfra"),
    ],
)
def test_a_refusal_says_what_to_mend(status, kind, remedy):
    with pytest.raises(errors.CallRejectedError, match=remedy) as error:
        place(refuse(status, "some_code", "because"))
    assert type(error.value) is kind
    assert (error.value.status, error.value.code, error.value.message) == (status, "some_code", "because")
    assert f"({status} some_code: because)" in str(error.value)


@pytest.mark.parametrize("body", [None, [], "", {"error": "no"}, {"error": None}, {"error": {"message": None}}, {}])
def test_a_refusal_without_the_documented_body_is_a_refusal(body):
    with pytest.raises(errors.RequestInvalidError):
        place(answer(400, body))


@pytest.mark.parametrize(
    "said",
    [
        f"to_number {NUMBER} and from_number {CALLER}",
        "to_number +1 (415) - 555-0147, 4155550147",
        f"context '{CONTEXT}' is too long",
        f"context {CONTEXT[:24]}… is too long",
        f"body {json.dumps({'context': CONTEXT})}",
        f"first_message {FIRST_MESSAGE!r}",
        "variables.name: Wilhelmina; variables.pin: 471147; variables.nested.list.0: Hölderlin street",
        f"the key {KEY} is revoked",
        f"the key {KEY[:12]}… is revoked",
        f"{NUMBER} " * 500 + CONTEXT,
    ],
)
@pytest.mark.parametrize("status", [400, 401, 422, 418])
def test_what_a_refusal_repeats_of_the_call_is_not_shown(said, status):
    with pytest.raises(errors.CallRejectedError) as error:
        place(refuse(status, "some_code", said))
    assert shows_no_secret(f"{error.value} {error.value.message} {error.value.code} {error.value!r}")
    assert len(error.value.message) <= 200


def test_what_a_refusal_says_else_is_shown():
    with pytest.raises(errors.RequestInvalidError, match="context •••: at most 2000 characters, of which it has more"):
        place(refuse(400, "some_code", f"context {CONTEXT}: at most 2000 characters, of which it has more"))


def test_a_message_fits_any_log_and_any_database():
    with pytest.raises(errors.RequestInvalidError) as error:
        place(refuse(400, "a\0b" * 99, "no\0\nERROR forged \ud800 \x1b[31m"))
    assert (error.value.code + error.value.message).isprintable()
    assert len(error.value.code) <= 64


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504, 599])
def test_an_answer_that_does_not_tell(status):
    with pytest.raises(errors.AnswerUnknownError, match=f"answered {status}"):
        place(refuse(status, "server_error", NUMBER))


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        "call-1",
        {},
        {"call_id": None},
        {"call_id": ""},
        {"call_id": 7},
        {"call_id": "a\nb"},
        {"call_id": "x" * 256},
    ],
)
def test_a_success_without_a_call_id_does_not_tell(value):
    with pytest.raises(errors.AnswerUnknownError, match=r"answer \(200\) could not be read"):
        place(answer(200, value))


def test_a_lost_connection_does_not_tell():
    with pytest.raises(errors.AnswerUnknownError, match="connection was lost"):
        place(hang_up)


def test_what_was_not_sent_says_so():
    with pytest.raises(
        errors.CallNotSentError, match=r"127.0.0.1:9 .*; nothing was sent.* 'voiceinfra_default'"
    ) as error:
        VoiceInfraApi(account("http://127.0.0.1:9/v1")).place_call(request())
    assert shows_no_secret(str(error.value))


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("Retry-After: 7", 7),
        ("Retry-After:  0 ", 0),
        ("Retry-After: " + format_datetime(datetime.now(UTC) - timedelta(hours=1), usegmt=True), 0),
        ("Retry-After: soon", None),
        ("Retry-After: ", None),
        ("Retry-After: -5", None),
        ("Retry-After: Mon, 01 Jan 2026 00:00:00 +9999999999999999", None),
        ("Retry-After: Mon, 01 Jan 99999 00:00:00 GMT", None),
    ],
)
def test_rate_limited(header, seconds):
    with pytest.raises(errors.RateLimitedError, match="429 rate_limited") as error:
        place(answer(429, {"error": {}}, *filter(None, [header])))
    assert error.value.retry_after == seconds
    assert ("asks to wait" in str(error.value)) == (seconds is not None)


def test_rate_limited_until_a_date():
    date = datetime.now(UTC) + timedelta(hours=1)
    with pytest.raises(errors.RateLimitedError) as error:
        place(answer(429, None, f"Retry-After: {format_datetime(date, usegmt=True)}"))
    assert 3000 < error.value.retry_after <= 3600


@pytest.mark.parametrize(
    ("play", "good", "says"),
    [
        (refuse(400, "validation_error", "agent_id"), True, "knows the key"),
        (refuse(422, "invalid_phone", "to_number"), True, "knows the key"),
        (refuse(401, "unauthorized", f"{KEY} is revoked"), False, "Make a new key"),
        (answer(429), False, "429"),
        (answer(500), False, "500"),
        (answer(404), False, "404, which tells nothing"),
        (answer(302), False, "302, which tells nothing"),
        (queued, False, "200, which tells nothing"),
        (hang_up, False, "connection was lost"),
    ],
)
def test_the_key_is_checked_without_a_number(play, good, says):
    with wire(play) as server:
        found, said = VoiceInfraApi(account(server.url)).check_key()
    assert found is good
    assert says in said
    assert shows_no_secret(said)
    assert [body for _, body in server.requests] == [b"{}"]


def test_the_key_of_an_api_that_is_away():
    found, said = VoiceInfraApi(account()).check_key()
    assert not found
    assert "could not be reached" in said


def test_timeouts_are_the_callers():
    with wire(until_the_client_goes) as server:
        api = VoiceInfraApi(account(server.url), timeouts=Timeouts(connect=20, read=0.05))
        with pytest.raises(errors.AnswerUnknownError):
            api.place_call(request())
