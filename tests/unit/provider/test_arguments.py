"""A wrong argument fails when the DAG is parsed, and says which one it is, what it must be, and what was given."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import pytest
from airflow.sdk import DAG, XComArg

from airflow_provider_voiceinfra.arguments import wrong
from airflow_provider_voiceinfra.decorators.outbound_call import outbound_call_task
from airflow_provider_voiceinfra.notifications.voiceinfra import VoiceInfraNotifier
from airflow_provider_voiceinfra.operators.call_list import OutboundCallListOperator
from airflow_provider_voiceinfra.operators.outbound_call import OutboundCallOperator
from airflow_provider_voiceinfra.policies import CallingHours, CircuitBreaker, Redial, RedialRule
from airflow_provider_voiceinfra.sensors.call_completion import CallCompletionSensor
from airflow_provider_voiceinfra.transfers.calls_to_sql import CallsToSqlOperator
from airflow_provider_voiceinfra.triggers.call_completed_event import CallCompletedEventTrigger

NUMBER = "+14155550100"
NOT_STRINGS = [14155550100, 1.5, True, b"+14155550100", ["+14155550100"], {"a": 1}, Decimal(1), date(2026, 1, 1)]
NOT_CALLER_IDS = [each for each in NOT_STRINGS if each != [NUMBER]] + [[NUMBER, 14155550100], [None, 7]]
NOT_FLAGS = [1, 0, "yes", None, [True]]
NOT_OPTIONAL_FLAGS = [1, 0, "yes", [True]]
NOT_DURATIONS = ["30m", True, -1, timedelta(-1), float("nan"), float("inf"), [1], Decimal("NaN")]
NOT_WAITS = [*(each for each in NOT_DURATIONS if each != [1]), [], ["30m"], [1, -1], [[1]]]
NOT_NAMES = ["summary", 7, None, True, [None], [1], b"ab", {"a": "b"}, [""]]
NOT_OUTCOMES = ["voicemail", ["busy"], [None], 3, True, None, {"failed": 1}, [["failed"]]]
NOT_COUNTS = [0, -1, True, "10", 1.5, None]
NOT_FRACTIONS = [-0.1, 1.1, 5, True, "0.1", float("nan")]
NOT_TIMES = [5, True, "soon", "2026-11-23T15:00", datetime(2026, 1, 1)]  # noqa: DTZ001
NOT_CAPS = [
    5,
    True,
    "",
    "often",
    "0/24h",
    "1/0h",
    "1/day",
    "1 per day",
    "1/24h 3/7d",
    "1/24h,",
    "9999/1d",
    "1/99999d",
    ["1/24h"],
]
NOT_HOURS = [9, (9, 19), True, time(9), "9-19", "", "mon-fri 09:00-19:00 EST"]
NOT_REDIALS = [3, True, "3", {"attempts": 3}, CircuitBreaker()]


def not_strings(name):
    """What is no valid value of a field; a list of strings is one only as a list of caller IDs."""
    return NOT_CALLER_IDS if name == "from_number" else NOT_STRINGS


def call(**fields):
    return OutboundCallOperator(task_id="call", **{"to_number": NUMBER, **fields})


def call_list(**fields):
    return OutboundCallListOperator(task_id="list", **{"calls": [], **fields})


def call_somebody():
    return {"to_number": NUMBER}


def decorated(**fields):
    with DAG("decorated", schedule=None):
        return outbound_call_task(call_somebody, **fields)()


def sensor(**fields):
    return CallCompletionSensor(task_id="wait", **{"call_id": "call_1", **fields})


def notifier(**fields):
    return VoiceInfraNotifier(**{"to_number": NUMBER, **fields})


def transfer(**fields):
    return CallsToSqlOperator(task_id="write", **{"list_id": "x", "sql_conn_id": "x", "table": "x", **fields})


def each(make, argument, values):
    return [(make, argument, value) for value in values]


TEXTS = ("agent_id", "from_number", "first_message", "context", "voiceinfra_conn_id")
WRONG = [
    *(
        wrong_one
        for make in (call, decorated)
        for wrong_one in (
            *(
                case
                for name in (*TEXTS, "to_number", "idempotency_key")
                for case in each(make, name, not_strings(name))
            ),
            *each(make, "variables", [7, True, "Sarah", ["a"], {"a"}]),
            *each(make, "metadata", [7, True, "Sarah", ["a"]]),
            *each(make, "default_region", [49, "USA", "Germany", "+1"]),
            *each(make, "redial_on_clear", NOT_FLAGS),
            *each(make, "wait_for_completion", NOT_FLAGS),
            *each(make, "deferrable", NOT_FLAGS),
            *each(make, "end_from_trigger", NOT_OPTIONAL_FLAGS),
            *each(make, "completion_timeout", [*NOT_DURATIONS, None]),
            *each(make, "fail_on_outcomes", NOT_OUTCOMES),
            *each(make, "completion_fields", NOT_NAMES),
            *each(make, "calling_hours", NOT_HOURS),
            *each(make, "timezone", [5, True, "Mars", "EST"]),
            *each(make, "not_before", NOT_TIMES),
            *each(make, "not_after", NOT_TIMES),
            *each(make, "max_calls_per_number", NOT_CAPS),
            *each(make, "redial", NOT_REDIALS),
        )
    ),
    *(case for name in (*TEXTS, "key_prefix", "key_column") for case in each(call_list, name, not_strings(name))),
    *each(call_list, "calls", [7, True, "rows", {"to_number": NUMBER}, [NUMBER], [None], {NUMBER}, b"x"]),
    *each(call_list, "column_map", ["phone", ["phone"], True, {"to_number": 1}, {1: "phone"}, {"to_number": None}]),
    *each(call_list, "variable_columns", NOT_NAMES),
    *each(call_list, "metadata_columns", NOT_NAMES),
    *each(call_list, "default_region", [49, "USA"]),
    *each(call_list, "max_in_flight", NOT_COUNTS),
    *each(call_list, "max_minutes", [each for each in NOT_COUNTS if each is not None]),
    *each(call_list, "calls_per_second", [0, -1, True, "5", 10_000, float("nan")]),
    *each(call_list, "calling_hours", NOT_HOURS),
    *each(call_list, "max_calls_per_number", NOT_CAPS),
    *each(call_list, "redial", NOT_REDIALS),
    *each(call_list, "completion_timeout", [*NOT_DURATIONS, None]),
    *each(call_list, "give_up_after", NOT_DURATIONS),
    *each(call_list, "max_invalid_fraction", [*NOT_FRACTIONS, None]),
    *each(call_list, "max_failed_fraction", NOT_FRACTIONS),
    *each(call_list, "circuit_breaker", [20, True, {"unknown": 3}, Redial()]),
    *each(call_list, "dry_run", NOT_FLAGS),
    *each(sensor, "call_id", [7, True, None, b"x", {"call_1"}, {"a": 1}, [7], ["call_1", 7]]),
    *each(sensor, "timeout", [*NOT_DURATIONS, None]),
    *each(sensor, "fail_on_outcomes", NOT_OUTCOMES),
    *each(sensor, "completion_fields", NOT_NAMES),
    *each(sensor, "deferrable", NOT_FLAGS),
    *each(sensor, "end_from_trigger", NOT_OPTIONAL_FLAGS),
    *(
        case
        for name in ("to_number", "first_message", "call_context", "agent_id", "from_number", "idempotency_key")
        for case in each(notifier, name, not_strings(name))
    ),
    *each(notifier, "variables", [7, True, "Sarah", ["a"]]),
    *each(notifier, "default_region", [49, "USA"]),
    *(case for name in ("list_id", "sql_conn_id", "table") for case in each(transfer, name, [7, True, ["x"]])),
    *each(transfer, "metadata_columns", NOT_NAMES),
    *each(transfer, "completion_fields", NOT_NAMES),
    *each(CallCompletedEventTrigger, "outcomes", NOT_OUTCOMES),
    *each(CallCompletedEventTrigger, "include_foreign", NOT_FLAGS),
    *each(CallCompletedEventTrigger, "agent_id", [7, True, ["x"]]),
    *each(
        CallingHours, "start", [9, "09:00", True, None, datetime(2026, 1, 1, tzinfo=UTC), time(9, tzinfo=UTC), time(20)]
    ),
    *each(CallingHours, "end", [19, "19:00", None, time(8)]),
    *each(CallingHours, "days", ["mon", (), ["Monday"], 3, None, [0]]),
    *each(CallingHours, "windows", [5, "mon 09:00-19:00", {"mon": 9}, {"mon": "9-19"}, {}, {"mon": []}, ["mon"]]),
    *each(CallingHours, "closed", [5, "2026-12-25", ["Christmas"], [datetime(2026, 12, 25, tzinfo=UTC)], None]),
    *each(CallingHours, "holidays", [5, True, "Atlantis", "US-XX", ""]),
    *each(CallingHours, "timezone", [5, True, "Mars", "EST", "Etc/GMT+5"]),
    *each(Redial, "outcomes", [*(each for each in NOT_OUTCOMES if each is not None), ()]),
    *each(Redial, "attempts", [1, 0, -3, True, "3", 2.5, None]),
    *each(Redial, "wait", NOT_WAITS),
    *each(Redial, "rules", [3, "failed", ["failed"], {"busy": RedialRule()}, {"failed": {}}, {"failed": 2}]),
    *each(Redial, "at", [9, "09:30", ["9:30"], ["24:00"], ["09:30 UTC"], [time(9)], None]),
    *each(RedialRule, "attempts", [0, -3, True, "3", 2.5, None]),
    *each(RedialRule, "wait", [*NOT_WAITS, None]),
    *(
        case
        for name in ("consecutive_failed", "unknown", "overdue")
        for case in each(CircuitBreaker, name, [-1, True, "3", 1.5, None])
    ),
    *each(CircuitBreaker, "min_answer_rate", [*NOT_FRACTIONS, None]),
    *each(CircuitBreaker, "max_failed_rate", [*NOT_FRACTIONS, None]),
    *each(CircuitBreaker, "window", NOT_COUNTS),
]


@pytest.mark.parametrize(("make", "argument", "given"), WRONG, ids=lambda each: getattr(each, "__name__", repr(each)))
def test_a_wrong_argument_fails_when_the_dag_is_parsed(make, argument, given):
    with pytest.raises((TypeError, ValueError)) as error:
        make(**{argument: given})
    said = str(error.value)
    assert argument in said
    assert "415555" not in said


def test_a_wrong_argument_shows_the_value_but_no_number():
    assert wrong("redial", "a Redial", 3) == "redial must be a Redial, not 3"
    assert wrong("wait", "a timedelta", time(9)) == "wait must be a timedelta, not datetime.time(9, 0)"
    assert wrong("names", "a list", NUMBER) == "names must be a list, not '+1415•••0100'"
    assert wrong("names", "a list", ["x" * 100]) == "names must be a list, not list"


def test_durations_are_timedeltas_or_seconds():
    assert call(completion_timeout=1_800).completion_timeout == timedelta(minutes=30)
    assert call(completion_timeout=timedelta(minutes=30)).completion_timeout == timedelta(minutes=30)
    assert call_list(completion_timeout=90.5).completion_timeout == timedelta(seconds=90.5)
    assert call_list(give_up_after=3_600).give_up_after == timedelta(hours=1)
    assert sensor(timeout=1_800).timeout == sensor(timeout=timedelta(minutes=30)).timeout == 1_800
    assert Redial(wait=60) == Redial(wait=timedelta(minutes=1))


def test_calling_hours_are_taken_as_the_connection_writes_them():
    text = "mon-fri 09:00-19:00 America/New_York"
    assert call(calling_hours=text).calling_hours == CallingHours.parse(text)
    assert call_list(calling_hours=text).calling_hours == CallingHours.parse(text)


def test_sets_come_in_one_order():
    assert call(wait_for_completion=True, fail_on_outcomes={"failed", "voicemail"}).fail_on_outcomes == (
        "voicemail",
        "failed",
    )
    assert sensor(completion_fields={"b", "c", "a"}).completion_fields == ("a", "b", "c")
    assert call_list(variable_columns=frozenset("cab")).variable_columns == ("a", "b", "c")
    assert CallingHours(days={"sun", "mon"}).days == ("mon", "sun")
    assert Redial(outcomes=frozenset({"failed", "voicemail"})) == Redial(outcomes=["voicemail", "failed"])


@pytest.mark.parametrize("template", ["{{ params.value }}", "{% if x %}a{% endif %}"])
def test_templates_are_checked_when_they_are_rendered(template):
    names = ("to_number", *TEXTS, "idempotency_key", "default_region", "timezone", "not_before", "not_after")
    assert call(**dict.fromkeys((*names, "variables", "metadata"), template))
    assert call_list(calls=template)
    assert sensor(call_id=template)


def test_the_output_of_a_task_is_checked_when_it_is_there():
    with DAG("outputs", schedule=None) as dag:
        first = call()
        output = XComArg(first)
        fields = dict.fromkeys(
            ("to_number", *TEXTS, "timezone", "not_before", "not_after", "variables", "metadata"), output
        )
        OutboundCallOperator(task_id="next", **fields)
        OutboundCallListOperator(task_id="list", calls=output)
        OutboundCallListOperator(task_id="lists", calls=[output, {"to_number": NUMBER}])
        CallCompletionSensor(task_id="wait", call_id=output)
        CallCompletionSensor(task_id="wait_for_all", call_id=[output, "call_1"])
        CallsToSqlOperator(task_id="write", list_id=output, sql_conn_id="x", table="x")
        OutboundCallOperator.partial(task_id="mapped", redial=Redial()).expand(to_number=output)
    assert len(dag.tasks) == 8
