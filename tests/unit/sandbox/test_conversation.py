from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_voiceinfra.sandbox import SCENARIOS, Dial
from airflow_provider_voiceinfra.sandbox.conversation import completion
from airflow_provider_voiceinfra.sandbox.scenarios import OUTCOMES


def dial(number="+14155550100", **fields):
    made = {
        "call_id": "call_1",
        "at": datetime(2026, 11, 23, 9, 30, tzinfo=UTC),
        "agent_id": "agent_sandbox",
        "from_number": "+14155550199",
        "to_number": number,
        "first_message": None,
        "context": None,
        "variables": None,
        "scenario": SCENARIOS[0],
    }
    return Dial(**{**made, **fields})


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_the_same_call_is_always_told_the_same_way(outcome):
    assert completion(dial(), outcome) == completion(dial(), outcome)


def test_the_conversation_uses_what_the_call_was_given():
    said = completion(
        dial(
            first_message="Hi Sarah, Bright Dental here.",
            variables={"name": "Sarah", "appointment_time": "Tuesday"},
        ),
        "answered",
    )
    assert said["transcript"].startswith("Agent: Hi Sarah, Bright Dental here.\nCaller: ")
    assert "Sarah" in said["summary"]
    assert "Tuesday" in said["summary"]


@pytest.mark.parametrize(
    "variables",
    [{"appointment": "Tuesday"}, {"name": "Sarah {curly}"}, {"company_name": "Acme", "timezone": "Acme"}, {}],
)
def test_every_line_has_a_speaker_and_every_place_is_filled(variables):
    for nth in range(20):
        said = completion(dial(variables=variables), "answered", nth=nth)
        lines = said["transcript"].splitlines()
        assert len(lines) > 2
        assert all(line.startswith(("Agent: ", "Caller: ")) for line in lines)
        assert not {"{who}", "{date}", "{Date}", "None", "Acme"} & set((said["transcript"] + said["summary"]).split())


def test_calls_to_different_people_take_different_turns():
    numbers = [f"+1{area}5550100" for area in range(201, 241)]
    confirmed = {
        completion(dial(number, variables={"appointment": "Tuesday"}), "answered")["extracted_data"]["confirmed"]
        for number in numbers
    }
    assert confirmed == {True, False}


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_start_end_and_length_agree(outcome):
    said = completion(dial(), outcome)
    start, end = (datetime.fromisoformat(said[name]) for name in ("start_time", "end_time"))
    assert start == dial().at
    assert end - start == timedelta(seconds=said["duration_seconds"])
    assert (said["duration_seconds"] == 0) == (outcome == "failed")


def test_a_call_that_failed_has_no_words_and_no_recording():
    said = completion(dial(), "failed")
    assert (said["transcript"], said["recording_url"], said["extracted_data"]) == ("", "", {})
    assert said["summary"]
