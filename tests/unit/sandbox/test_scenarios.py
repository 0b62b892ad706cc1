from __future__ import annotations

import json
import socket
import time
from email.utils import parsedate_to_datetime

import pytest
import requests

from airflow_provider_voiceinfra.sandbox import SCENARIOS
from airflow_provider_voiceinfra.sandbox.scenarios import OUTCOMES
from airflow_provider_voiceinfra.store import models

LOST = requests.exceptions.ConnectionError
CUT_OFF = requests.exceptions.ChunkedEncodingError

# By code: what the client sees (a status or an exception), accepted or not, the outcomes in the webhooks.
PROMISES = {
    "00": (200, True, ["answered"]),
    "01": (200, True, ["voicemail"]),
    "02": (200, True, ["failed"]),
    "10": (200, True, ["answered"]),
    "11": (LOST, False, []),
    "12": (LOST, True, ["answered"]),
    "13": (LOST, True, ["answered"]),
    "14": (LOST, False, []),
    "15": (307, False, []),
    # As http.client reads it: the real answer comes after.
    "16": (102, True, ["answered"]),
    "20": (500, True, ["answered"]),
    "21": (500, False, []),
    "22": (503, False, []),
    "23": (408, True, ["answered"]),
    "30": (429, False, []),
    "31": (429, False, []),
    "32": (429, False, []),
    "33": (429, False, []),
    "40": (400, False, []),
    "41": (401, False, []),
    "42": (422, False, []),
    "44": (404, False, []),
    "50": (200, True, ["answered"]),
    "51": (CUT_OFF, True, ["answered"]),
    "52": (200, True, ["answered"]),
    "53": (200, True, ["answered"]),
    "60": (200, True, ["answered"]),
    "61": (200, True, ["answered", "answered"]),
    "62": (200, True, ["answered", "voicemail"]),
    "63": (200, True, ["answered"]),
    "64": (200, True, []),
    "65": (200, True, ["answered"]),
    "66": (200, True, ["answered"]),
}
NUMBERS = {scenario.code: scenario.number for scenario in SCENARIOS}


def test_it_has_the_outcomes_that_the_provider_knows():
    assert OUTCOMES == models.OUTCOMES


def raw_post(sandbox, number, *, close=False):
    """Return all that comes back over a bare socket."""
    body = json.dumps({"agent_id": "agent_sandbox", "from_number": "+14155550199", "to_number": number})
    head = f"POST /v1/calls/outbound HTTP/1.1\r\nX-API-Key: sandbox-key\r\nContent-Length: {len(body)}\r\n"
    head += "Connection: close\r\n" * close
    port = int(sandbox.url.rsplit(":", 1)[1].partition("/")[0])
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(f"{head}Content-Type: application/json\r\n\r\n{body}".encode())
        return b"".join(iter(lambda: connection.recv(4096), b""))


def test_every_scenario_has_a_promise():
    assert list(PROMISES) == [scenario.code for scenario in SCENARIOS]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: f"{scenario.code} {scenario.name}")
def test_a_scenario_does_what_it_promises(scenario, sandbox, receiver, place):
    seen, accepted, outcomes = PROMISES[scenario.code]
    if isinstance(seen, int):
        assert place(sandbox, scenario.number).status_code == seen
    else:
        with pytest.raises(seen):
            place(sandbox, scenario.number)

    # The dial that follows shows that the first one's webhook, had there been one, was sent before.
    place(sandbox, "+14085550100")
    *dials, later = sandbox.wait_for_dials(1 + accepted)
    receiver.wait_for(later.call_id)
    assert [dial.scenario for dial in dials] == [scenario] * accepted
    assert len(sandbox.refused) == (not accepted)
    for dial in dials:
        webhooks = receiver.wait_for(dial.call_id, len(outcomes))
        assert [webhook.payload["call_outcome"] for webhook in webhooks] == outcomes


@pytest.mark.parametrize("code", ["20", "21", "22", "23", "33", "40", "41", "42", "44"])
def test_an_error_has_the_documented_shape(code, sandbox, place):
    error = place(sandbox, NUMBERS[code]).json()["error"]
    assert set(error) == {"code", "message"}


def test_any_area_code_chooses_the_scenario_and_other_numbers_are_answered(sandbox, place):
    for number in ("+12125550101", "+12125550199", "+442071838750", "+11125550101"):
        place(sandbox, number)
    assert [dial.scenario.name for dial in sandbox.dials] == ["voicemail"] + ["answered"] * 3


@pytest.mark.parametrize("code", ["11", "12"])
def test_a_lost_answer_is_closed_without_a_byte(code, sandbox):
    assert raw_post(sandbox, NUMBERS[code]) == b""


@pytest.mark.parametrize("code", ["13", "14"])
def test_a_reset_is_a_reset(code, sandbox):
    with pytest.raises(ConnectionResetError):
        raw_post(sandbox, NUMBERS[code])


def test_a_cut_off_answer_announces_more_than_it_sends(sandbox):
    head, _, body = raw_post(sandbox, NUMBERS["51"]).partition(b"\r\n\r\n")
    length = int(head.partition(b"Content-Length: ")[2].split()[0])
    assert 0 < len(body) < length


def test_a_redirect_leads_to_another_host(sandbox, place):
    assert place(sandbox, NUMBERS["15"]).headers["Location"] == "http://127.0.0.1:9/elsewhere"


def test_an_unreadable_answer_is_not_json(sandbox, place):
    with pytest.raises(requests.exceptions.JSONDecodeError):
        place(sandbox, NUMBERS["50"]).json()


def test_an_answer_without_call_id_has_the_rest(sandbox, place):
    assert place(sandbox, NUMBERS["52"]).json()["status"] == "queued"
    assert "call_id" not in place(sandbox, NUMBERS["52"]).json()


def test_interim_responses_come_before_the_answer(sandbox):
    statuses = [line for line in raw_post(sandbox, NUMBERS["16"], close=True).split(b"\r\n") if line[:5] == b"HTTP/"]
    assert [int(line.split()[1]) for line in statuses] == [102, 103, 200]


def test_another_number_is_in_the_answer_or_in_the_webhook(sandbox, receiver, place):
    answer, webhook = (place(sandbox, NUMBERS[code]).json() for code in ("53", "66"))
    assert (answer["to_number"], webhook["to_number"]) == ("+12125550000", NUMBERS["66"])
    said = [receiver.wait_for(each["call_id"])[0].payload["to_number"] for each in (answer, webhook)]
    assert said == [NUMBERS["53"], "+12125550000"]


def test_a_slow_answer_is_for_a_call_that_is_accepted_and_may_have_ended(sandboxes, receiver, place, in_background):
    sandbox = sandboxes(webhook_url=receiver.url, slow_answer=30)
    answer = in_background(place, sandbox, NUMBERS["10"])
    receiver.wait_for(sandbox.wait_for_dials(1)[0].call_id)
    assert not answer.done()
    sandbox.stop()
    assert isinstance(answer.exception(5), LOST)


@pytest.mark.parametrize("code", ["30", "31", "32"])
def test_a_throttled_body_is_accepted_from_the_second_time_on(code, sandbox, place):
    first = {"variables": {"name": "Sarah", "date": "Monday"}}
    same = {"variables": {"date": "Monday", "name": "Sarah"}}
    other = {"variables": {"name": "Tom"}}
    statuses = [place(sandbox, NUMBERS[code], **body).status_code for body in (first, other, same, same)]
    assert statuses == [429, 429, 200, 200]


def test_a_429_says_when_to_come_back_in_seconds_as_a_date_or_not(sandboxes, place):
    sandbox = sandboxes(retry_after=7)
    before = time.time()
    seconds, date, silent = (place(sandbox, NUMBERS[code]).headers.get("Retry-After") for code in ("30", "31", "32"))
    assert seconds == "7"
    assert before + 7 <= parsedate_to_datetime(date).timestamp() <= time.time() + 8
    assert silent is None


def test_an_early_webhook_is_acknowledged_before_the_post_is_answered(sandbox, receiver, place, in_background):
    receiver.gate.clear()
    answer = in_background(place, sandbox, NUMBERS["60"])
    webhook = receiver.wait_for_any()[0]
    assert not answer.done()
    assert not sandbox.deliveries
    receiver.gate.set()
    assert answer.result(5).json()["call_id"] == webhook.payload["call_id"]


def test_an_early_webhook_needs_a_receiver(sandboxes, place):
    assert place(sandboxes(), NUMBERS["60"]).status_code == 200


def test_two_webhooks_are_the_same_byte_for_byte_and_a_contradiction_is_not(sandbox, receiver, place):
    twice, contradiction = (place(sandbox, NUMBERS[code]).json()["call_id"] for code in ("61", "62"))
    first, second = receiver.wait_for(twice, 2)
    assert first == second
    first, second = receiver.wait_for(contradiction, 2)
    assert first.payload["transcript"] != second.payload["transcript"]


def test_a_late_webhook_is_late(sandboxes, receiver, place):
    sandbox = sandboxes(webhook_url=receiver.url, late=0.3)
    before = time.monotonic()
    receiver.wait_for(place(sandbox, NUMBERS["63"]).json()["call_id"])
    assert time.monotonic() - before >= 0.3


def test_a_webhook_without_start_time_has_the_rest(sandbox, receiver, place):
    with_it, without = (place(sandbox, NUMBERS[code]).json()["call_id"] for code in ("00", "65"))
    fields = [set(receiver.wait_for(call_id)[0].payload) for call_id in (with_it, without)]
    assert fields[0] - fields[1] == {"start_time"}
