"""A rejection says what to fix, and repeats nothing of the call."""

from __future__ import annotations

import json

import pytest

from airflow_provider_voiceinfra import errors
from tests.support.call_samples import CALLER, CONTEXT, FIRST_MESSAGE, KEY, NUMBER, place, shows_no_secret
from tests.support.wire import answer, refuse


@pytest.mark.parametrize(
    ("status", "kind", "remedy"),
    [
        (400, errors.RequestInvalidError, "from_number must be one of the account's own"),
        (401, errors.AuthenticationError, "password of connection 'voiceinfra_default'"),
        (404, errors.AgentNotFoundError, "API tab of the agent's settings"),
        (422, errors.PhoneInvalidError, r"like \+14155550100"),
        (302, errors.RedirectedError, "fix the host of connection 'voiceinfra_default'"),
        (402, errors.CallRejectedError, "ask VoiceInfra what the code means"),
        (301, errors.RedirectedError, "fix the host of connection 'voiceinfra_default'"),
        (307, errors.RedirectedError, "fix the host of connection 'voiceinfra_default'"),
        (308, errors.RedirectedError, "fix the host of connection 'voiceinfra_default'"),
        (403, errors.CallRejectedError, "ask VoiceInfra"),
        (418, errors.CallRejectedError, "ask VoiceInfra"),
        (498, errors.CallRejectedError, "ask VoiceInfra"),
    ],
)
def test_a_rejection_says_what_to_fix(status, kind, remedy):
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
