"""A glance at calling: pictures first, and the numbers beside them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from airflow_provider_voiceinfra.plugin.calls_page.rendering import render, zone_of
from airflow_provider_voiceinfra.plugin.calls_page.store import StoreDep
from airflow_provider_voiceinfra.plugin.calls_page.visitor import VisitorDep
from airflow_provider_voiceinfra.store.operations.glance import MOST, HourCount

PERIODS = {"day": timedelta(days=1), "week": timedelta(days=7), "month": timedelta(days=30)}
_KNOWN = ("answered", "voicemail", "failed")
OTHERS = "other"

router = APIRouter()


@dataclass(frozen=True, slots=True)
class Bar:
    """The calls of a stretch of time.

    :param calls: by outcome.
    :param talk: for how many ``seconds`` people talked.
    """

    label: str
    calls: Counter[str]
    talk: Counter[str]


@router.get("/glance")
def glance(request: Request, store: StoreDep, visitor: VisitorDep) -> Response:
    """Show how calling goes."""
    return _render(request, store, visitor, "glance.html")


@router.get("/glance/now")
def glance_now(request: Request, store: StoreDep, visitor: VisitorDep) -> Response:
    """Show it anew."""
    return _render(request, store, visitor, "glance_now.html")


def _render(request: Request, store: StoreDep, visitor: VisitorDep, name: str) -> Response:
    period = request.query_params.get("period", "")
    period = period if period in PERIODS else "week"
    zone, now = zone_of(request), store.database.clock.now()
    since = _beginning(now, period, zone)
    dag_ids = visitor.dag_ids
    hours = store.glance.hours(since, dag_ids)
    outcomes = Counter[str]()
    for each in hours.counts:
        outcomes[_named(each.outcome)] += each.calls
    return render(
        request,
        name,
        visitor,
        period=period,
        periods=list(PERIODS),
        outcomes=[each for each in (*_KNOWN, OTHERS) if outcomes[each] or each != OTHERS],
        totals=outcomes,
        talk_seconds=sum(each.talk_seconds for each in hours.counts),
        over_time=_over_time(hours.counts, since, now, period, zone),
        by_clock=_by_clock(hours.counts, zone),
        behind=hours.behind,
        counts=store.glance.count(dag_ids),
        most=MOST,
        webhooks=store.glance.webhooks(),
        now=now,
    )


def _beginning(now: datetime, period: str, zone: ZoneInfo) -> datetime:
    """Give the first hour, or the first day by the reader's clock, of a period that ends now."""
    start = now - PERIODS[period]
    if period == "day":
        return start.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    return datetime.combine(start.astimezone(zone).date() + timedelta(days=1), time(), zone).astimezone(UTC)


def _over_time(counts: list[HourCount], since: datetime, now: datetime, period: str, zone: ZoneInfo) -> list[Bar]:
    """Count by hour for a day, else by day."""
    if period == "day":
        steps = [since + timedelta(hours=number) for number in range(24)]
        return _bars(counts, [(step, f"{step.astimezone(zone):%H:%M}") for step in steps], lambda each: each)
    first, last = since.astimezone(zone).date(), now.astimezone(zone).date()
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]

    def day_of(hour: datetime) -> date:
        return hour.astimezone(zone).date()

    return _bars(counts, [(day, f"{day:%a %d %b}") for day in days], day_of)


def _by_clock(counts: list[HourCount], zone: ZoneInfo) -> list[Bar]:
    return _bars(counts, [(hour, f"{hour:02}:00") for hour in range(24)], lambda hour: hour.astimezone(zone).hour)


def _bars(counts: list[HourCount], steps: Sequence[tuple[Any, str]], step_of: Callable[[datetime], Any]) -> list[Bar]:
    """Add hours up to longer stretches.

    :param steps: each stretch, and what it is called.
    :param step_of: gives the stretch of an hour.
    """
    bars = {step: Bar(name, Counter(), Counter()) for step, name in steps}
    for each in counts:
        bar = bars.get(step_of(each.hour))
        if bar is not None:
            bar.calls[_named(each.outcome)] += each.calls
            bar.talk["seconds"] += each.talk_seconds
    return list(bars.values())


def _named(outcome: str) -> str:
    """Name an outcome; what VoiceInfra does not document is one of the others."""
    return outcome if outcome in _KNOWN else OTHERS
