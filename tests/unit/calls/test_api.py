"""What each answer means: taken, not taken, or not known."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from airflow_provider_voiceinfra import errors
from airflow_provider_voiceinfra.calls.api import VoiceInfraApi
from airflow_provider_voiceinfra.calls.transport import Timeouts
from tests.support.call_samples import KEY, NUMBER, account, place, request, shows_no_secret
from tests.support.wire import Talk, answer, hang_up, queued, refuse, until_the_client_goes, wire


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
    "status", [101, 300, 303, 304, 305, 306, 309, 399, 408, 409, 425, 499, 500, 502, 503, 504, 599, 600, 999]
)
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


@pytest.mark.parametrize(
    "said", [NUMBER, "+1 (415) 555-0147", "14155550147", 14155550147, "tel:+1-415-555-0147", "", None]
)
@pytest.mark.parametrize("field", ["to_number", "from_number"])
def test_an_answer_that_repeats_the_number_in_another_form_was_taken(field, said):
    said = str(said).replace("147", "199").replace("None", "") if field == "from_number" else said
    assert place(answer(200, {"call_id": "call-1", field: said})) == "call-1"


@pytest.mark.parametrize("said", ["+14155550148", "+4915123456789", "+1415•••0000", "nobody", True, ["+14155550147"]])
@pytest.mark.parametrize("field", ["to_number", "from_number"])
def test_an_answer_that_names_another_number_does_not_tell(field, said, caplog):
    with pytest.raises(errors.AnswerUnknownError, match=f"names another {field} than was sent") as error:
        place(answer(200, {"call_id": "call-1", field: said}))
    assert "0148" not in str(error.value) + caplog.text


def test_the_connection_is_left_after_an_answer_to_another_call():
    """Those that follow would be one call late too."""

    def late(talk: Talk) -> None:
        talk.read()
        talk.send("200 OK", body=b'{"call_id": "other", "to_number": "+14155550148"}', last=False)
        talk.read()
        talk.send("200 OK", body=b'{"call_id": "late"}')

    with wire(late, queued) as server:
        api = VoiceInfraApi(account(server.url))
        with pytest.raises(errors.AnswerUnknownError):
            api.place_call(request())
        assert api.place_call(request()) == "call-1"


def test_another_agent_in_the_answer_is_only_reported(caplog):
    assert place(answer(200, {"call_id": "call-1", "agent_id": "agent-2"})) == "call-1"
    assert "call-1 names another agent_id" in caplog.text


def test_a_lost_connection_does_not_tell():
    with pytest.raises(errors.AnswerUnknownError, match="connection was lost"):
        place(hang_up)


def test_what_was_not_sent_says_so():
    with pytest.raises(
        errors.CallNotSentError, match=r"127.0.0.1:9/v1 .*; nothing was sent.* 'voiceinfra_default'"
    ) as error:
        VoiceInfraApi(account("http://127.0.0.1:9/v1")).place_call(request())
    assert shows_no_secret(str(error.value))


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("Retry-After: 7", 7),
        ("Retry-After:  0 ", 0),
        ("Retry-After: " + format_datetime(datetime(2025, 1, 1, tzinfo=UTC), usegmt=True), 0),
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
        (refuse(401, "unauthorized", f"{KEY} is revoked"), False, "Create a key"),
        (answer(429), False, "429"),
        (answer(500), False, "500"),
        (answer(404), False, "404, which does not show"),
        (answer(302), False, "302, which does not show"),
        (queued, False, "200, which does not show"),
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
