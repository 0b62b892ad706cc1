"""Redial rules by outcome, with growing waits and times of day where the callee is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_voiceinfra.guard.validity import Place
from airflow_provider_voiceinfra.policies import Redial, RedialRule
from airflow_provider_voiceinfra.store.models import OUTCOMES, EndedCall

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
NEW_YORK = Place("America/New_York", "+12125550100", None)
NOWHERE = Place(None, "+8835550100", None)


def ended(*outcomes, every=HOUR):
    """Calls that ended so, one after the other."""
    return [
        EndedCall(number, outcome, NOON + number * every, NOON + number * every + timedelta(minutes=1))
        for number, outcome in enumerate(outcomes, 1)
    ]


def wait_after(redial, *outcomes, place=NOWHERE):
    """How long is waited after the last of these calls; None where it is the last one."""
    calls = ended(*outcomes)
    at = redial.next_at(calls, place)
    return None if at is None else at - calls[-1].ended_at


RULES = Redial(
    rules={
        "voicemail": RedialRule(attempts=2, wait=DAY),
        "failed": RedialRule(attempts=4, wait=[timedelta(minutes=30), 4 * HOUR]),
    },
    attempts=5,
)


@pytest.mark.parametrize(
    ("outcomes", "wait"),
    [
        (["voicemail"], DAY),
        (["voicemail", "voicemail"], None),
        (["failed"], timedelta(minutes=30)),
        (["failed", "failed"], 4 * HOUR),
        (["failed", "failed", "failed"], 4 * HOUR),
        (["failed"] * 4, None),
        (["failed", "voicemail"], DAY),
        (["voicemail", "failed"], timedelta(minutes=30)),
        (["voicemail", "failed", "failed"], 4 * HOUR),
        (["failed", "voicemail", "voicemail"], None),
        (["failed", "failed", "failed", "voicemail"], DAY),
        (["failed", "failed", "voicemail", "failed", "failed"], None),
        (["answered"], None),
        (["an outcome of later"], None),
    ],
)
def test_each_outcome_has_its_own_attempts_and_waits(outcomes, wait):
    assert wait_after(RULES, *outcomes) == wait


def test_the_simple_form_is_the_same_rule_for_each_outcome():
    simple = Redial(outcomes=["failed"], attempts=3, wait=HOUR)
    assert simple == Redial(rules={"failed": RedialRule(attempts=3, wait=HOUR)}, attempts=3)
    assert wait_after(simple, "failed", "failed") == HOUR
    assert wait_after(simple, "failed", "failed", "failed") is None
    assert wait_after(Redial(wait=[HOUR, DAY]), "voicemail", "voicemail") == DAY


@pytest.mark.parametrize(
    ("placed", "ended_at", "wait", "next_call"),
    [
        # Called at 09:30, so 13:00 is next, or 18:00 where the wait is longer.
        ("2026-11-30T09:35", "2026-11-30T09:36", HOUR, "2026-11-30T13:00"),
        ("2026-11-30T09:35", "2026-11-30T09:36", 4 * HOUR, "2026-11-30T18:00"),
        # Not at the same time of the next day.
        ("2026-11-30T18:00", "2026-11-30T18:01", 23 * HOUR, "2026-12-02T09:30"),
        ("2026-11-30T18:00", "2026-11-30T18:01", timedelta(0), "2026-12-01T09:30"),
        # Before the first one of the day, it was one of the evening before.
        ("2026-11-30T08:00", "2026-11-30T08:01", timedelta(0), "2026-11-30T09:30"),
    ],
)
def test_a_redial_is_placed_at_another_time_of_the_callees_day(placed, ended_at, wait, next_call):
    redial = Redial(wait=wait, at=["18:00", "09:30", "13:00"])
    zone = ZoneInfo("America/New_York")
    first, end, wanted = (datetime.fromisoformat(each).replace(tzinfo=zone) for each in (placed, ended_at, next_call))
    assert redial.next_at([EndedCall(1, "failed", first, end)], NEW_YORK) == wanted


def test_one_time_of_day_is_that_of_the_next_day():
    at = Redial(wait=timedelta(0), at=["09:30"]).next_at(ended("failed"), NEW_YORK)
    assert at == datetime(2026, 11, 30, 9, 30, tzinfo=ZoneInfo("America/New_York"))
    at = Redial(wait=3 * HOUR, at=["09:30"]).next_at(ended("failed"), NEW_YORK)
    assert at == datetime(2026, 12, 1, 9, 30, tzinfo=ZoneInfo("America/New_York"))


def test_where_the_time_zone_is_not_known_only_the_wait_counts():
    assert wait_after(Redial(wait=HOUR, at=["09:30"]), "failed") == HOUR


def test_rules_are_given_instead_of_outcomes_and_wait():
    for more in ({"wait": HOUR}, {"outcomes": ["failed"]}):
        with pytest.raises(ValueError, match="either rules, each with its wait, or outcomes and wait"):
            Redial(rules={"failed": RedialRule()}, **more)


rules = st.builds(RedialRule, st.integers(1, 4), st.lists(st.integers(0, 90_000), min_size=1, max_size=3))
hours = st.sampled_from(["00:00", "02:30", "09:30", "13:00", "18:00", "23:59"])


@given(
    st.dictionaries(st.sampled_from(OUTCOMES), rules, min_size=1),
    st.integers(2, 6),
    st.sets(hours),
    st.lists(st.sampled_from(OUTCOMES), min_size=1, max_size=7),
    st.integers(0, 365 * 24 * 60),
    st.sampled_from(["America/New_York", "Asia/Kolkata", "Pacific/Auckland", "America/Santiago", None]),
)
def test_it_is_what_another_implementation_says(by_outcome, attempts, at, outcomes, minute, zone):
    start = NOON + timedelta(minutes=minute)
    redial = Redial(rules=by_outcome, attempts=attempts, at=at)
    calls = [EndedCall(n, each, start + n * HOUR, start + n * HOUR) for n, each in enumerate(outcomes, 1)]
    found = redial.next_at(calls, Place(zone, NOWHERE.to_number, None))
    last, rule = outcomes[-1], by_outcome.get(outcomes[-1])
    if rule is None or len(outcomes) >= attempts or outcomes.count(last) >= rule.attempts:
        assert found is None
        return
    waits = [*rule.wait, *[rule.wait[-1]] * 10]
    earliest = calls[-1].ended_at + waits[outcomes.count(last) - 1]
    assert found == (next_time(earliest, calls[-1].placed_at, at, ZoneInfo(zone)) if zone and at else earliest)


def next_time(earliest, placed_at, at, zone):
    """The first of all these times of some days that comes after the wait, but for the one of the last call."""
    earlier = [each for each in at if each <= placed_at.astimezone(zone).strftime("%H:%M")]
    usable = at - {max(earlier or at)} or at
    days = [(earliest + timedelta(days=number)).astimezone(zone).date() for number in range(-1, 4)]
    local = [datetime.fromisoformat(f"{day}T{each}").replace(tzinfo=zone) for day in days for each in usable]
    return min(each.astimezone(UTC) for each in local if each.astimezone(UTC) >= earliest)
