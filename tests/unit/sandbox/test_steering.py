from __future__ import annotations

import pytest
import requests

from airflow_provider_voiceinfra.sandbox import SCENARIOS


@pytest.fixture
def by_hand(sandboxes, receiver):
    """A sandbox whose calls stay open until they are completed."""
    return sandboxes(webhook_url=receiver.url, delay=None)


def control(sandbox, path, body=None):
    url = sandbox.url.removesuffix("/v1") + path
    return requests.post(url, json=body, timeout=60) if body is not None else requests.get(url, timeout=5)


def test_a_number_ends_as_decided_from_now_on(sandbox, receiver, place):
    sandbox.outcome("+14155550100", "voicemail", summary="Beep.", extracted_data={"mood": "tinny"})
    for _ in range(2):
        payload = receiver.wait_for(place(sandbox).json()["call_id"])[0].payload
        assert (payload["call_outcome"], payload["summary"]) == ("voicemail", "Beep.")
        assert payload["extracted_data"] == {"mood": "tinny"}
    other = receiver.wait_for(place(sandbox, "+14085550100").json()["call_id"])[0].payload
    assert other["call_outcome"] == "answered"


def test_a_call_stays_open_until_it_is_completed(by_hand, receiver, place):
    first, second = (place(by_hand).json()["call_id"] for _ in range(2))
    by_hand.complete(second, "failed", duration_seconds=3)
    payload = receiver.wait_for(second)[0].payload
    assert (payload["call_outcome"], payload["duration_seconds"]) == ("failed", 3)
    assert receiver.of(first) == []
    by_hand.complete(first)
    assert receiver.wait_for(first)[0].payload["call_outcome"] == "answered"


def test_completing_overrides_what_was_decided_for_the_number(by_hand, receiver, place):
    by_hand.outcome("+14155550100", "voicemail", summary="Beep.", recording_url="")
    call_id = place(by_hand).json()["call_id"]
    by_hand.complete(call_id, "answered", summary="Hello!")
    payload = receiver.wait_for(call_id)[0].payload
    assert [payload[name] for name in ("call_outcome", "summary", "recording_url")] == [
        "answered",
        "Hello!",
        "",
    ]


@pytest.mark.parametrize("number", ["+14155550163", "+14155550164"])
def test_a_late_or_missing_webhook_comes_when_completed_by_hand(number, sandboxes, receiver, place):
    sandbox = sandboxes(webhook_url=receiver.url, late=60)
    call_id = place(sandbox, number).json()["call_id"]
    sandbox.complete(call_id)
    receiver.wait_for(call_id)


def test_a_call_completed_by_hand_does_not_end_again_by_itself(sandboxes, receiver, place):
    sandbox = sandboxes(webhook_url=receiver.url, delay=(0.1, 0.1))
    by_hand = place(sandbox).json()["call_id"]
    sandbox.complete(by_hand)
    receiver.wait_for(place(sandbox).json()["call_id"])
    assert len(receiver.of(by_hand)) == 1
    sandbox.complete(by_hand, "failed")
    assert receiver.wait_for(by_hand, 2)[1].payload["call_outcome"] == "failed"


def test_a_mistake_is_told(sandbox):
    with pytest.raises(LookupError, match="call_x"):
        sandbox.complete("call_x")
    with pytest.raises(ValueError, match="busy"):
        sandbox.outcome("+14155550100", "busy")


def test_waiting_in_vain_says_how_many_came(sandbox, place):
    place(sandbox)
    with pytest.raises(TimeoutError, match="1 dials instead of 2"):
        sandbox.wait_for_dials(2, timeout=0.01)


def test_other_processes_see_the_dials(sandbox, place):
    call = place(sandbox, variables={"name": "Sarah"}).json()
    dial = control(sandbox, "/sandbox/dials").json()[0]
    assert (dial["call_id"], dial["at"], dial["scenario"]) == (call["call_id"], call["created_at"], "00")
    assert dial["variables"] == {"name": "Sarah"}


def test_other_processes_see_the_scenarios(sandbox):
    table = control(sandbox, "/sandbox").json()
    assert [row["number"] for row in table] == [scenario.number for scenario in SCENARIOS]


def test_other_processes_decide_and_complete(by_hand, receiver, place):
    decided = {"number": "+14155550100", "outcome": "voicemail", "fields": {"summary": "Beep."}}
    assert control(by_hand, "/sandbox/outcome", decided).ok
    call_id = place(by_hand).json()["call_id"]
    assert control(by_hand, "/sandbox/complete", {"call_id": call_id, "fields": {"duration_seconds": 1}}).ok
    payload = receiver.wait_for(call_id)[0].payload
    assert (payload["call_outcome"], payload["summary"]) == ("voicemail", "Beep.")
    assert payload["duration_seconds"] == 1


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/sandbox/complete", {}, 400),
        ("/sandbox/complete", [], 400),
        ("/sandbox/complete", {"call_id": "call_x"}, 404),
        ("/sandbox/complete", {"call_id": "call_x", "fields": []}, 400),
        ("/sandbox/outcome", {"number": "+14155550100", "outcome": "busy"}, 400),
        ("/sandbox/dials", {}, 405),
    ],
)
def test_a_mistake_of_another_process_is_told(path, body, status, sandbox):
    answer = control(sandbox, path, body)
    assert answer.status_code == status
    assert answer.json()["error"]["message"]
