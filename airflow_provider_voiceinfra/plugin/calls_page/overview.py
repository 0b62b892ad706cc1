"""The overview: charts first, and their numbers beside them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter
from starlette.responses import Response

from airflow_provider_voiceinfra.plugin.calls_page.visit import VisitDep
from airflow_provider_voiceinfra.store.models import ANSWERED, OUTCOMES
from airflow_provider_voiceinfra.store.operations.overview import MAX_COUNTED, HourCount

PERIODS = {"day": timedelta(days=1), "week": timedelta(days=7), "month": timedelta(days=30)}
OTHER = "other"

router = APIRouter()


@dataclass(frozen=True, slots=True)
class Bar:
    """The calls of one interval.

    :param calls: by outcome.
    """

    label: str
    calls: Counter[str]
    talk_seconds: int


@router.get("/overview")
def overview(visit: VisitDep) -> Response:
    """Show the overview."""
    return _render(visit, "overview.html")


@router.get("/overview/now")
def overview_now(visit: VisitDep) -> Response:
    """Show the part of it that changes."""
    return _render(visit, "overview_now.html")


def _render(visit: VisitDep, template: str) -> Response:
    period = visit.request.query_params.get("period", "")
    period = period if period in PERIODS else "week"
    zone, now = visit.zone, visit.store.database.clock.now()
    since = _first_hour(now, period, zone)
    hours = visit.store.overview.hours(since, visit.permissions.visible_dag_ids)
    totals = _by_outcome(hours.counts)
    return visit.render(
        template,
        period=period,
        periods=list(PERIODS),
        outcomes=[each for each in (*OUTCOMES, OTHER) if totals[each] or each != OTHER],
        totals=totals,
        talk_seconds=_talk_seconds(hours.counts),
        answered_seconds=_talk_seconds(each for each in hours.counts if each.outcome == ANSWERED),
        counted_at=hours.counted_at,
        over_time=_over_time(hours.counts, since, now, period, zone),
        time_of_day=_time_of_day(hours.counts, zone),
        counts=visit.store.overview.count(visit.permissions.visible_dag_ids),
        max_counted=MAX_COUNTED,
        webhooks=visit.store.overview.webhooks(),
    )


def _first_hour(now: datetime, period: str, zone: ZoneInfo) -> datetime:
    """Return the first hour of a period that ends now: for a day, 24 hours; else whole days in the visitor's zone."""
    start = now - PERIODS[period]
    if period == "day":
        return start.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    return datetime.combine(start.astimezone(zone).date() + timedelta(days=1), time(), zone).astimezone(UTC)


def _over_time(counts: list[HourCount], since: datetime, now: datetime, period: str, zone: ZoneInfo) -> list[Bar]:
    """Group by hour for a day, else by day."""
    if period == "day":
        hours = [since + timedelta(hours=number) for number in range(24)]
        return _bars(counts, [(hour, f"{hour.astimezone(zone):%H:%M}") for hour in hours], lambda hour: hour)
    first, last = since.astimezone(zone).date(), now.astimezone(zone).date()
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    return _bars(counts, [(day, f"{day:%a %d %b}") for day in days], lambda hour: hour.astimezone(zone).date())


def _time_of_day(counts: list[HourCount], zone: ZoneInfo) -> list[Bar]:
    return _bars(counts, [(hour, f"{hour:02}:00") for hour in range(24)], lambda hour: hour.astimezone(zone).hour)


def _bars(
    counts: list[HourCount], intervals: Sequence[tuple[Any, str]], interval_of: Callable[[datetime], Any]
) -> list[Bar]:
    """Add hours up to longer intervals.

    :param intervals: each interval with its label.
    :param interval_of: gives the interval of an hour.
    """
    grouped: dict[Any, list[HourCount]] = {interval: [] for interval, _ in intervals}
    for each in counts:
        grouped.get(interval_of(each.hour), []).append(each)
    return [
        Bar(label, _by_outcome(grouped[interval]), _talk_seconds(grouped[interval])) for interval, label in intervals
    ]


def _by_outcome(counts: Iterable[HourCount]) -> Counter[str]:
    """Count calls by outcome; one that VoiceInfra does not document is among the others."""
    calls = Counter[str]()
    for each in counts:
        calls[each.outcome if each.outcome in OUTCOMES else OTHER] += each.calls
    return calls


def _talk_seconds(counts: Iterable[HourCount]) -> int:
    return sum(each.talk_seconds for each in counts)
