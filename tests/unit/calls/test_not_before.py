"""From when on a call may be placed: as a warehouse or a DAG says it, in the callee's time zone."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from airflow_provider_voiceinfra.errors import InvalidCallError
from airflow_provider_voiceinfra.guard.constraints import CallConstraints, check_when, rules_for
from airflow_provider_voiceinfra.guard.limits import Limits
from airflow_provider_voiceinfra.lists.column_mapping import ColumnMapping
from airflow_provider_voiceinfra.lists.source_rows import CallDefaults
from airflow_provider_voiceinfra.policies import CallingHours
from airflow_provider_voiceinfra.store.guard.rules import Rule
from tests.support.call_samples import account

CHICAGO, TOLL_FREE, TWO_ZONES = "+13125550100", "+18002345678", "+14235550100"
HOURS = CallingHours.parse("mon-fri 09:00-17:00 Europe/Berlin")
DAY = date(2026, 7, 1)
NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


def row(**fields):
    values = {"to_number": CHICAGO} | fields
    new = CallDefaults(account(), "reminders").read(1, values, ColumnMapping(are_typed=True))
    return new.wrong or (new.fields["not_before"] and datetime.fromisoformat(new.fields["not_before"]))


def call(to_number=CHICAGO, hours=None, timezone=None, not_before=None, not_after=None):
    return CallConstraints.build(
        Limits(), to_number, calling_hours=hours, timezone=timezone, not_before=not_before, not_after=not_after
    )


@pytest.mark.parametrize("day", [DAY, "2026-07-01"])
@pytest.mark.parametrize(
    ("number", "given", "zone"),
    [
        (CHICAGO, {"timezone": "Asia/Tokyo", "hours": HOURS}, "Asia/Tokyo"),
        (CHICAGO, {"hours": HOURS}, "America/Chicago"),
        (TOLL_FREE, {"hours": HOURS}, "Europe/Berlin"),
        # The later of the two, as it is nobody's yesterday.
        (TWO_ZONES, {}, "America/Chicago"),
    ],
)
def test_a_date_is_the_start_of_that_day_where_the_callee_is(day, number, given, zone):
    assert call(number, not_before=day, **given).not_before == datetime(2026, 7, 1, tzinfo=ZoneInfo(zone))


def test_a_row_gives_its_own():
    assert row(not_before=DAY) == datetime(2026, 7, 1, tzinfo=ZoneInfo("America/Chicago"))
    assert row(not_before=NOON.replace(tzinfo=None)) == row(not_before="2026-07-01T14:00+02:00") == NOON
    assert row(not_before="") is row(not_before=None) is row() is None


@pytest.mark.parametrize(
    "value", ["tomorrow", "2026-07-01 15:00", 20260701, "infinity", date.max, date.min, NOON.time()]
)
def test_a_row_whose_not_before_cannot_be_read_is_set_aside(value):
    assert row(not_before=value) == "invalid_not_before"


@pytest.mark.parametrize(
    ("not_before", "not_after"),
    [(NOON, NOON), (date(2026, 7, 2), DAY), (NOON, "2026-07-01T11:59Z"), (date(2026, 7, 2), NOON)],
)
def test_a_row_that_could_never_be_called_is_set_aside_and_a_call_is_rejected(not_before, not_after):
    assert row(not_before=not_before, not_after=not_after) == "invalid_not_before"
    with pytest.raises(InvalidCallError, match="not_before is not before not_after"):
        call(not_before=not_before, not_after=not_after)


def test_both_may_name_the_same_day():
    assert row(not_before=DAY, not_after=DAY) == datetime(2026, 7, 1, tzinfo=ZoneInfo("America/Chicago"))


def test_where_no_zone_is_known_a_date_is_an_error_that_says_what_to_give():
    with pytest.raises(InvalidCallError, match="give the call a timezone"):
        call(TOLL_FREE, not_before=DAY)
    assert row(to_number=TOLL_FREE, not_before=DAY) == "invalid_not_before"


def test_a_call_is_deferred_until_it_comes_and_hours_are_open():
    by_time = rules_for(Limits(), call(hours=HOURS, not_before="2026-07-01T23:00Z"), CHICAGO).by_time
    assert (by_time(NOON).rule, by_time(NOON).until) == (Rule.NOT_BEFORE, datetime(2026, 7, 2, 14, tzinfo=UTC))
    assert by_time(datetime(2026, 7, 2, 14, tzinfo=UTC)) is None
    assert by_time(datetime(2026, 7, 2, 23, tzinfo=UTC)).rule == Rule.CALLING_HOURS


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"not_before": 5}, TypeError),
        ({"not_before": datetime(2026, 7, 1)}, ValueError),  # noqa: DTZ001
        ({"not_before": "tomorrow"}, ValueError),
        ({"not_after": "tomorrow"}, ValueError),
    ],
)
def test_what_a_dag_gives_is_checked_when_it_is_parsed(given, error):
    with pytest.raises(error, match="not_"):
        check_when(**{"timezone": None, "not_before": None, "not_after": None} | given)
    check_when(timezone="{{ zone }}", not_before="{{ ds }}", not_after=DAY)
