"""The overview: charts first, and their numbers beside them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from itertools import product
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import APIRouter
from starlette.responses import Response

from airflow_provider_voiceinfra.plugin.calls_page.visit import Visit, VisitDep
from airflow_provider_voiceinfra.store.guard.pauses import Scope
from airflow_provider_voiceinfra.store.models import ANSWERED, OUTCOMES
from airflow_provider_voiceinfra.store.operations.overview import MAX_COUNTED, HourCount, OverviewFilter

PERIODS = {"day": timedelta(days=1), "week": timedelta(days=7), "month": timedelta(days=30)}
OTHER = "other"
FILTERS = ("dag", "agent", "list")
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

router = APIRouter()


@dataclass(frozen=True, slots=True)
class Bar:
    """The calls of one interval.

    :param calls: by outcome.
    """

    label: str
    calls: Counter[str]
    talk_seconds: int

    @property
    def total(self) -> int:
        """All its calls."""
        return self.calls.total()

    @property
    def answered_rate(self) -> float | None:
        """The share of its calls that were answered; None if there are none."""
        return self.calls[ANSWERED] / self.total if self.total else None


@router.get("/overview")
def overview(visit: VisitDep) -> Response:
    """Show the overview."""
    names = {"dag": visit.dag_ids, "agent": _agents(visit), "list": _lists(visit)}
    return _render(visit, "overview.html", names=names)


@router.get("/overview/now")
def overview_now(visit: VisitDep) -> Response:
    """Show the part of it that changes."""
    return _render(visit, "overview_now.html")


def _render(visit: Visit, template: str, **shown: Any) -> Response:
    asked = visit.request.query_params
    period = asked.get("period", "")
    period = period if period in PERIODS else "week"
    given = {name: asked.get(name, "") for name in FILTERS}
    wanted = OverviewFilter(*(given[name] or None for name in FILTERS))
    query = {name: value for name, value in given.items() if value}
    zone, now, visible = visit.zone, visit.store.database.clock.now(), visit.permissions.visible_dag_ids
    since = _first_hour(now, period, zone)
    hours = visit.store.overview.hours(since, visible, wanted)
    [whole] = _bars(hours.counts, [(None, "")], lambda _: None)
    return visit.render(
        template,
        period=period,
        periods=list(PERIODS),
        given=given,
        query=f"&{urlencode(query)}" if query else "",
        outcomes=[each for each in (*OUTCOMES, OTHER) if whole.calls[each] or each != OTHER],
        whole=whole,
        answered_seconds=_talk_seconds(each for each in hours.counts if each.outcome == ANSWERED),
        counted_at=hours.counted_at,
        over_time=_over_time(hours.counts, since, now, period, zone),
        time_of_day=_time_of_day(hours.counts, zone),
        week=_week(hours.counts, zone),
        weekdays=WEEKDAYS,
        counts=visit.store.overview.count(visible, wanted),
        max_counted=MAX_COUNTED,
        webhooks=visit.store.overview.webhooks(),
        may_see_webhooks=visit.permissions.may_read(None),
        **shown,
    )


def _agents(visit: Visit) -> list[str]:
    """Name the agents that users who may see all calls can choose; others would learn of agents of other DAGs."""
    return visit.store.pauses.recent_names(Scope.AGENT) if visit.permissions.visible_dag_ids is None else []


def _lists(visit: Visit) -> list[str]:
    return [each.id for each in visit.store.list_pages.newest(visit.permissions.visible_dag_ids)]


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


def _week(counts: list[HourCount], zone: ZoneInfo) -> list[tuple[str, list[Bar]]]:
    """Group by hour of day, and each of those by weekday."""
    cells = [(each, "") for each in product(range(24), range(7))]
    bars = _bars(counts, cells, lambda hour: ((local := hour.astimezone(zone)).hour, local.weekday()))
    return [(f"{hour:02}:00", bars[hour * 7 : hour * 7 + 7]) for hour in range(24)]


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
