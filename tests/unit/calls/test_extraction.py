"""What the callee extraction decides about another call: a goal, and a time that they asked for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_voiceinfra.guard.validity import Place
from airflow_provider_voiceinfra.policies import Redial, RedialRule
from airflow_provider_voiceinfra.store.models import EndedCall, Extraction, Goal

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
# 13:00 in New York.
PLACED = datetime(2026, 11, 30, 18, tzinfo=UTC)
ENDED = PLACED + timedelta(minutes=2)
NEW_YORK = Place("America/New_York", "+12125550100", None)
# An area code with two time zones.
FLORIDA = Place(None, "+18505550100", None)
NOWHERE = Place(None, "+8835550100", None)

REDIAL = Redial(goal="confirmed", callback_field="call_back_at", attempts=3, wait=HOUR)


def answered(extraction=None, attempt=1):
    return EndedCall(attempt, "answered", PLACED, ENDED, extraction)


def read_extraction(redial=REDIAL, place=NEW_YORK, before=(), **extracted):
    return redial.read_extraction([*before, answered(attempt=len(before) + 1)], extracted, place)


@pytest.mark.parametrize(
    ("value", "goal"),
    [
        (True, Goal.MET),
        ("yes", Goal.MET),
        (" True ", Goal.MET),
        ({"value": True, "confidence": 0.9}, Goal.MET),
        (False, Goal.MISSED),
        ("No", Goal.MISSED),
        ({"Value": "false"}, Goal.MISSED),
        (None, Goal.UNREADABLE),
        ("", Goal.UNREADABLE),
        ("perhaps", Goal.UNREADABLE),
        (0, Goal.UNREADABLE),
        (1, Goal.UNREADABLE),
        (0.7, Goal.UNREADABLE),
        ([True], Goal.UNREADABLE),
        ({"confidence": 1}, Goal.UNREADABLE),
    ],
)
def test_a_goal_is_met_missed_or_unreadable(value, goal):
    assert read_extraction(confirmed=value) == Extraction(goal)


@pytest.mark.parametrize(("late", "is_called_back"), [(10, True), (20, False)])
def test_a_time_that_is_long_over_when_the_completion_arrives_is_ignored(late, is_called_back):
    at = PLACED + timedelta(minutes=5)
    call = EndedCall(1, "answered", PLACED, at + timedelta(minutes=late), None)
    found = REDIAL.read_extraction([call], {"call_back_at": at.isoformat()}, NEW_YORK)
    assert (found.callback_at == at, bool(found.is_callback_ignored)) == (is_called_back, not is_called_back)


def test_a_goal_that_the_completion_does_not_name_is_unreadable():
    assert read_extraction(Redial(goal="confirmed")) == Extraction(Goal.UNREADABLE)
    assert read_extraction(Redial(callback_field="call_back_at")) == Extraction()


@pytest.mark.parametrize(
    ("value", "place", "at"),
    [
        ("2026-12-01T17:00:00+01:00", NOWHERE, "2026-12-01T16:00+00:00"),
        ("2026-12-01T17:00Z", NOWHERE, "2026-12-01T17:00+00:00"),
        ("2026-12-01 17:00", NEW_YORK, "2026-12-01T22:00+00:00"),
        ({"value": "2026-12-01T17:00"}, NEW_YORK, "2026-12-01T22:00+00:00"),
        # Today, or tomorrow where it is too late today.
        ("17:00", NEW_YORK, "2026-11-30T22:00+00:00"),
        ("09:30", NEW_YORK, "2026-12-01T14:30+00:00"),
        ("20:00+01:00", NOWHERE, "2026-11-30T19:00+00:00"),
        # The callee may be in one of two zones, or anywhere.
        ("2026-12-01T17:00", FLORIDA, None),
        ("17:00", NOWHERE, None),
        # Which hour of the two, and one that does not exist.
        ("2026-11-01T01:30", NEW_YORK, None),
        ("tomorrow at five", NEW_YORK, None),
        ("2026-12-01", NEW_YORK, None),
        ("20261201", NEW_YORK, None),
        ("17", NEW_YORK, None),
        (1_764_600_000, NEW_YORK, None),
        (["17:00"], NEW_YORK, None),
        # Before the call, and beyond callback_within.
        ("2026-11-30T12:00", NEW_YORK, None),
        ("0001-01-01T00:00+14:00", NEW_YORK, None),
        ("9999-12-31T23:00-14:00", NEW_YORK, None),
        ("2026-12-03T13:03", NEW_YORK, None),
        ("2026-12-03T13:02", NEW_YORK, "2026-12-03T18:02+00:00"),
    ],
)
def test_a_time_is_used_only_if_it_can_be_read_in_one_way(value, place, at):
    extraction = read_extraction(place=place, confirmed=False, call_back_at=value)
    wanted = None if at is None else datetime.fromisoformat(at)
    assert extraction == Extraction(Goal.MISSED, wanted, is_callback_ignored=at is None)


def test_a_local_time_that_occurs_twice_or_not_at_all_is_not_used():
    redial = Redial(callback_field="at", callback_within=400 * DAY)
    for at in ("2027-11-07T01:30", "2027-03-14T02:30"):
        assert read_extraction(redial, at=at) == Extraction(is_callback_ignored=True)
    assert read_extraction(redial, at="2027-11-07T03:30").callback_at == datetime(2027, 11, 7, 8, 30, tzinfo=UTC)


@pytest.mark.parametrize("value", [None, "", " ", "no", "None", "n/a", False, {"value": None}])
def test_no_time_is_no_request(value):
    assert read_extraction(confirmed=False, call_back_at=value) == Extraction(Goal.MISSED)


def test_there_are_no_more_callbacks_than_allowed():
    before = [answered(Extraction(Goal.MISSED, PLACED - HOUR))]
    assert read_extraction(before=before, call_back_at="17:00").is_callback_ignored
    twice = Redial(callback_field="call_back_at", callbacks=2)
    assert read_extraction(twice, before=before, call_back_at="17:00").callback_at is not None
    assert read_extraction(twice, before=2 * before, call_back_at="17:00").is_callback_ignored


def test_nobody_is_called_back_once_the_goal_is_met():
    assert read_extraction(confirmed=True, call_back_at="17:00") == Extraction(Goal.MET, is_callback_ignored=True)


def next_at(redial, *extraction):
    calls = [answered(each, attempt) for attempt, each in enumerate(extraction, 1)]
    return redial.next_at(calls, NEW_YORK)


MISSED = Extraction(Goal.MISSED)


def test_an_answered_call_is_redialled_only_if_its_goal_was_missed():
    assert next_at(REDIAL, MISSED) == ENDED + HOUR
    assert next_at(REDIAL, MISSED, MISSED, MISSED) is None
    for goal in (Goal.MET, Goal.UNREADABLE, None):
        assert next_at(REDIAL, Extraction(goal)) is None


def test_a_missed_goal_has_a_rule_of_its_own():
    redial = Redial(goal="confirmed", rules={"no_goal": RedialRule(attempts=2, wait=DAY)})
    assert next_at(redial, MISSED) == ENDED + DAY
    assert next_at(redial, MISSED, MISSED) is None
    only_unanswered = Redial(goal="confirmed", rules={"failed": RedialRule()})
    assert next_at(only_unanswered, MISSED) is None


def test_a_callback_is_placed_at_its_time_and_beyond_the_attempts_of_the_rules():
    at = PLACED + 5 * HOUR
    for missed in range(4):
        assert next_at(REDIAL, *[MISSED] * missed, Extraction(Goal.MISSED, at)) == at


def test_who_asked_for_a_time_that_cannot_be_used_is_not_called_at_another():
    assert next_at(REDIAL, Extraction(Goal.MISSED, is_callback_ignored=True)) is None


def test_callbacks_alone_need_no_other_attempts():
    redial = Redial(callback_field="call_back_at", attempts=1)
    at = PLACED + 5 * HOUR
    assert next_at(redial, Extraction(None, at)) == at
    assert redial.next_at([EndedCall(1, "voicemail", PLACED, ENDED)], NEW_YORK) is None


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"rules": {"no_goal": RedialRule()}}, "rules must be"),
        ({"outcomes": ["no_goal"]}, "outcomes must be"),
        (
            {"goal": "confirmed", "outcomes": ["answered"]},
            "outcomes must be a list of 'voicemail', 'failed', 'no_",
        ),
        (
            {"callback_field": "at", "rules": {"answered": RedialRule()}},
            "rules must be a list of 'voicemail', 'fai",
        ),
        ({"goal": ""}, "goal must be the name of an extracted field"),
        ({"callback_field": 5}, "callback_field must be the name of an extracted field"),
        ({"callback_field": "at", "callback_within": -1}, "callback_within must be"),
        ({"callback_field": "at", "callbacks": 0}, "callbacks must be"),
        ({"attempts": 1}, "attempts must be"),
    ],
)
def test_what_makes_no_sense_is_told_when_the_dag_is_parsed(wrong, says):
    with pytest.raises((TypeError, ValueError), match=says):
        Redial(**wrong)
