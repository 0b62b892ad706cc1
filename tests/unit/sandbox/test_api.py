from __future__ import annotations

import json
from http.client import HTTPConnection

import pytest
import requests

from airflow_provider_voiceinfra.sandbox.records import iso

VALID = {"agent_id": "agent_sandbox", "from_number": "+14155550199", "to_number": "+14155550100"}


def post(sandbox, **options):
    headers = {"X-API-Key": "sandbox-key", "Content-Type": "application/json", **options.pop("headers", {})}
    return requests.post(f"{sandbox.url}/calls/outbound", headers=headers, timeout=60, **options)


def test_an_accepted_call_is_answered_as_documented(sandbox, place):
    answer = place(sandbox, first_message="Hi", context="VIP", variables={"n": 1}, metadata="not ours")
    call = answer.json()
    assert set(call) == {"call_id", "status", "agent_id", "to_number", "from_number", "created_at"}
    assert call["status"] == "queued"
    dial = sandbox.dials[0]
    assert (dial.call_id, iso(dial.at)) == (call["call_id"], call["created_at"])
    assert (dial.first_message, dial.context, dial.variables) == ("Hi", "VIP", {"n": 1})
    assert dial.unknown_fields == ("metadata",)


def test_every_post_creates_a_call_of_its_own(sandbox, place):
    assert len({place(sandbox).json()["call_id"] for _ in range(3)}) == 3


@pytest.mark.parametrize("key", [None, "", "wrong"])
def test_a_key_that_is_missing_or_wrong_is_unauthorized(key, sandbox, place):
    answer = place(sandbox, key=key)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "unauthorized")


@pytest.mark.parametrize(
    "fields",
    [
        *({name: bad} for name in VALID for bad in ("", 5, None)),
        {"first_message": 1},
        {"context": {"tier": "gold"}},
        {"variables": ["Sarah"]},
        {"from_number": "+14155550000"},
    ],
)
def test_a_field_that_is_missing_or_of_the_wrong_type_is_a_validation_error(fields, sandbox, place):
    answer = place(sandbox, **fields)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "validation_error")
    assert next(iter(fields)) in answer.json()["error"]["message"]


@pytest.mark.parametrize("body", [b"", b"agent_id=1", b"\xff", b"[]", b'"text"', b"{}"])
def test_a_body_that_is_no_json_object_with_the_fields_is_a_validation_error(body, sandbox):
    answer = post(sandbox, data=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "validation_error")


def test_another_content_type_is_a_validation_error(sandbox):
    assert post(sandbox, json=VALID, headers={"Content-Type": "text/plain"}).status_code == 400
    assert post(sandbox, json=VALID, headers={"Content-Type": "application/json; charset=utf-8"}).ok


@pytest.mark.parametrize("number", ["4155550100", "+0155550100", "+1 415 555 0100", "+123456", "+1234567890123456"])
@pytest.mark.parametrize("field", ["to_number", "from_number"])
def test_a_number_that_is_not_e164_is_an_invalid_phone(field, number, sandbox, place):
    answer = place(sandbox, **{field: number})
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid_phone")
    assert number in answer.json()["error"]["message"]


def test_an_unknown_agent_is_not_found(sandbox, place):
    answer = place(sandbox, agent_id="agent_gone")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


def test_checks_go_key_json_fields_agent_phones(sandbox, place):
    wrong = {"to_number": "1", "agent_id": "gone"}
    assert post(sandbox, data=b"{", headers={"X-API-Key": "no"}).status_code == 401
    assert place(sandbox, **wrong, context=1).status_code == 400
    assert place(sandbox, **wrong).status_code == 404
    assert place(sandbox, to_number="1").status_code == 422


def test_a_refused_request_is_noted_and_rings_nobody(sandbox, place):
    place(sandbox, "+14155550141")
    place(sandbox, key="wrong")
    noted = [(refusal.status, refusal.code, refusal.to_number) for refusal in sandbox.refused]
    assert noted == [(401, "unauthorized", "+14155550141"), (401, "unauthorized", None)]
    assert sandbox.dials == []


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/calls/outbound", 405),
        ("BREW", "/calls/outbound", 405),
        ("GET", "/calls/1", 404),
        ("PUT", "", 404),
    ],
)
def test_there_is_no_other_endpoint(method, path, status, sandbox):
    answer = requests.request(method, sandbox.url + path, timeout=60)
    assert answer.status_code == status
    assert set(answer.json()["error"]) == {"code", "message"}


def test_a_body_of_unknown_length_is_refused(sandbox):
    assert post(sandbox, data=iter([b"{}"])).status_code == 400


def test_a_connection_is_kept_between_requests(sandbox):
    connection = HTTPConnection(sandbox.url.removeprefix("http://").removesuffix("/v1"))
    sockets = set()
    for key in ("sandbox-key", "wrong", "sandbox-key"):
        headers = {"X-API-Key": key, "Content-Type": "application/json"}
        connection.request("POST", "/v1/calls/outbound", json.dumps(VALID), headers)
        connection.getresponse().read()
        sockets.add(connection.sock)
    connection.close()
    assert len(sockets) == 1
    assert len(sandbox.dials) == 2


def test_accepted_answers_take_the_answer_delay(sandboxes, place):
    sandbox = sandboxes(answer_delay=0.5)
    assert place(sandbox).elapsed.total_seconds() >= 0.5
    assert place(sandbox, "+14155550140").elapsed.total_seconds() < 0.5
