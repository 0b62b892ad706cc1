"""A webhook's body is read field by field, as VoiceInfra documents it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from airflow_provider_voiceinfra.store.completion_body import NotUnderstoodError, parse_completion
from tests.support.store_samples import NUMBER, SECRET, body


@pytest.mark.parametrize(
    "fields",
    [
        {"event": "call.started"},
        {"call_id": "a\0b"},
        {"call_id": "\ud800"},
        {"call_id": None},
        {"call_id": ""},
        {"call_id": 17},
        {"call_id": "x" * 256},
        {"call_id": "a\nb"},
    ],
)
def test_why_a_body_is_not_understood_is_said_without_its_words(fields):
    with pytest.raises(NotUnderstoodError) as error:
        parse_completion(body(**fields))
    assert SECRET not in str(error.value)
    assert NUMBER not in str(error.value)


@pytest.mark.parametrize("outcome", [None, "", "x" * 65, 7, "answered\n", "answered\0", "\ud800", {}, float("nan")])
def test_an_outcome_that_cannot_be_read_is_said_to_be_so_and_the_call_ends(outcome):
    assert parse_completion(body(call_outcome=outcome)).outcome == "unreadable"


@pytest.mark.parametrize("event", [None, float("nan"), 7, "call.completed\0"])
def test_an_event_that_cannot_be_read_is_taken_for_the_only_one_there_is(event):
    assert parse_completion(body(event=event)).call_id == "call-1"


def test_every_documented_field_is_read():
    said = {
        "duration_seconds": 61,
        "start_time": "2026-01-02T03:04:05Z",
        "end_time": "2026-01-02T05:05:06+02:00",
        "agent_id": "agent",
        "from_number": "+14155550199",
        "recording_url": "https://files/a.mp3",
        "summary": "fine",
        "extracted_data": {"intent": "confirm"},
        "new_field": [1],
    }
    completion = parse_completion(body("call-1", **said))
    for name in ("duration_seconds", "agent_id", "from_number", "recording_url", "summary"):
        assert getattr(completion, name) == said[name]
    assert (completion.call_id, completion.outcome, completion.to_number) == ("call-1", "answered", NUMBER)
    assert completion.start_time == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert completion.end_time == datetime(2026, 1, 2, 3, 5, 6, tzinfo=UTC)
    assert completion.extracted == {"intent": "confirm"}
    assert completion.payload["new_field"] == [1]


@pytest.mark.parametrize(
    ("fields", "configured", "extracted"),
    [
        ({"data": {"a": 1}}, "", {"a": 1}),
        ({"data": {"a": 1}, "variables": {"b": 2}, "metadata": {}}, "", {"a": 1}),
        ({"data": {"a": 1}, "more": {"b": 2}}, "", {}),
        ({"data": {"a": 1}, "more": {"b": 2}}, "more", {"b": 2}),
        ({"data": [1]}, "data", {}),
        ({}, "", {}),
    ],
)
def test_the_extracted_data_is_the_configured_field_or_the_only_object(fields, configured, extracted):
    assert parse_completion(body(**fields), extracted_field=configured).extracted == extracted


@pytest.mark.parametrize("value", ["61", -1, True, 2**31, float("nan"), float("inf"), None, [61]])
def test_an_odd_duration_is_none(value):
    assert parse_completion(body(duration_seconds=value)).duration_seconds is None


@pytest.mark.parametrize("value", ["", "yesterday", 1767323045, "0001-01-01T00:00:00+23:59", "9999-12-31", None, {}])
def test_an_odd_time_is_none(value):
    assert parse_completion(body(start_time=value)).start_time is None


def test_repr_shows_no_number_and_no_words():
    shown = repr(parse_completion(body(summary=SECRET, data={"secret": SECRET})))
    assert "call-1" in shown
    assert SECRET not in shown
    assert NUMBER not in shown
