"""What ``OutboundCallListOperator`` promises, in DAGs under ``dag.test()``."""

from __future__ import annotations

import itertools
import json
import os
import re
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from airflow_provider_voiceinfra import config
from airflow_provider_voiceinfra.calls.redial import Redial
from airflow_provider_voiceinfra.guard.calling_hours import WEEKDAYS, CallingHours
from airflow_provider_voiceinfra.hooks import voiceinfra as hook
from airflow_provider_voiceinfra.lists import progress
from airflow_provider_voiceinfra.lists.circuit_breaker import CircuitBreaker
from airflow_provider_voiceinfra.lists.variants import Variant, choose_variant
from airflow_provider_voiceinfra.operators import list_run
from airflow_provider_voiceinfra.sandbox import call_endpoint
from airflow_provider_voiceinfra.sandbox.scenarios import ANSWERED
from airflow_provider_voiceinfra.store.guard.pauses import Scope
from airflow_provider_voiceinfra.store.models import Realm
from airflow_provider_voiceinfra.store.reads.call_filter import CallFilter
from tests.dags import call_lists
from tests.integration.dags.conftest import Run
from tests.support.store_samples import deliver


@pytest.fixture
def run_list(airflow_database, voiceinfra):
    def run(way=call_lists.of_rows, when=None, **fields):
        dag = call_lists.make_dag(way, **fields)
        run = dag.test(logical_date=when or datetime.now(UTC))
        return Run(str(run.state), run.run_id, dag.dag_id)

    return run


@pytest.fixture
def clear(monkeypatch):
    """Let the next run of the same day be one after another clear of the task."""
    clears, source = itertools.count(1), list_run.task_source

    def clear_once_more():
        count = next(clears)
        monkeypatch.setattr(list_run, "clear_count", lambda _: count)
        monkeypatch.setattr(list_run, "task_source", lambda context: replace(source(context), generation=count))

    return clear_once_more


def people(count, area=212):
    return [{"to_number": f"+1{area}555{1000 + index}", "name": f"Person {index}"} for index in range(count)]


@pytest.fixture
def warehouse(tmp_path, monkeypatch):
    """A database of people, as a connection of Airflow."""
    path = tmp_path / "warehouse.db"
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps({"conn_type": "sqlite", "host": str(path)}))

    def fill(rows):
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("DROP TABLE IF EXISTS people")
            connection.execute("CREATE TABLE people (id INTEGER, phone TEXT, name TEXT, secret TEXT, tz TEXT)")
            connection.executemany("INSERT INTO people VALUES (?, ?, ?, 'not for you', ?)", rows)

    return fill


OF_WAREHOUSE = {
    "sql": "SELECT * FROM people ORDER BY id",
    "sql_conn_id": "warehouse",
    "column_map": {"to_number": "phone", "timezone": "tz"},
    "variable_columns": ["name"],
    "metadata_columns": ["id"],
    "key_column": "id",
}
DAY = datetime(2026, 11, 24, tzinfo=UTC)
SHORT = timedelta(minutes=10)
AT_ONCE = Redial(attempts=2, wait=timedelta(0))


def numbers(voiceinfra):
    return sorted(dial.to_number for dial in voiceinfra.dials)


def test_everybody_is_called_once_and_a_summary_is_returned(run_list, voiceinfra):
    run = run_list(calls=people(25), max_in_flight=4)
    assert run.state == "success"
    assert numbers(voiceinfra) == [each["to_number"] for each in people(25)]
    summary = run.summary()
    assert summary == {"list_id": run.xcom("call", "list_id"), "rows": 25, "answered": 25}
    assert len(list(voiceinfra.store.calls.iterate(CallFilter(list_id=summary["list_id"])))) == 25


ZEROS = dict.fromkeys(
    (
        "answered", "voicemail", "failed", "rejected", "overdue", "unknown", "already_called", "do_not_call",
        "expired", "cancelled", "suppressed", "not_eligible", "given_up", "set_aside",
    ),
    0,
)  # fmt: skip


def test_a_summary_has_every_result_also_where_no_row_has_it(run_list, voiceinfra):
    run = run_list(calls=people(2))
    assert run.xcom("call") == {"list_id": run.xcom("call", "list_id"), "rows": 2} | ZEROS | {"answered": 2}
    empty = run_list(calls=[])
    assert empty.xcom("call") == {"list_id": empty.xcom("call", "list_id"), "rows": 0} | ZEROS
    plan = run_list(calls=people(2), dry_run=True).xcom("call")
    assert plan | {"list_id": "", "when": {}, "done_at": ""} == {
        "list_id": "", "rows": 2, "already_called": 0, "do_not_call": 0, "expired": 0,
        "cancelled": 0, "suppressed": 0, "not_eligible": 0, "given_up": 0, "set_aside": 0, "to_call": 2, "when": {},
        "done_at": "", "will_not_be_called": 0,
    }  # fmt: skip


def test_its_calls_are_counted(run_list, voiceinfra, monkeypatch):
    counted = Counter()
    monkeypatch.setattr(hook.Stats, "incr", lambda name, count=1, **_: counted.update({name: count}))
    run_list(calls=people(5))
    assert counted["voiceinfra.calls.placed"] == 5


def test_a_query_is_read_and_only_named_columns_leave_the_warehouse(run_list, voiceinfra, warehouse):
    warehouse([(7, "(212) 555-0101", "Ada", "America/New_York"), (8, "212 555 0102", "Bob", None)])
    run = run_list(**OF_WAREHOUSE)
    assert run.state == "success"
    assert sorted((dial.to_number, dial.variables["name"]) for dial in voiceinfra.dials) == [
        ("+12125550101", "Ada"),
        ("+12125550102", "Bob"),
    ]
    assert {call.metadata["id"] for call in voiceinfra.store.calls.iterate()} == {7, 8}
    assert all(dial.variables.keys() == {"name"} for dial in voiceinfra.dials)


def test_a_rerun_or_an_overlapping_list_calls_nobody_again(run_list, voiceinfra, warehouse):
    warehouse([(1, "2125550101", "Ada", None)])
    run_list(**OF_WAREHOUSE)
    warehouse([(1, "2125550101", "Ada, as she is called now", None), (2, "2125550102", "Bob", None)])
    run = run_list(**OF_WAREHOUSE)
    assert run.xcom("call")["already_called"] == 1
    assert numbers(voiceinfra) == ["+12125550101", "+12125550102"]


def test_bad_and_double_rows_are_set_aside_with_a_reason(run_list, voiceinfra, capfd, caplog):
    rows = [*people(3), {"to_number": "12"}, {"to_number": None}, people(1)[0]]
    run = run_list(calls=[{"name": "", **row} for row in rows], max_invalid_fraction=0.5)
    assert run.state == "success"
    assert run.summary() == {"list_id": run.xcom("call", "list_id"), "rows": 6, "answered": 3, "set_aside": 3}
    output = "".join(capfd.readouterr()) + caplog.text
    assert "1 duplicate_key, 1 missing, 1 too_short" in output
    assert "2125551000" not in output


def test_a_row_whose_key_is_no_exact_number_is_set_aside_and_the_log_says_what_to_do(run_list, voiceinfra, caplog):
    rows = [each | {"id": key} for each, key in zip(people(2), (1.0, 1.5), strict=True)]
    run = run_list(calls=rows, key_column="id", max_invalid_fraction=0.5)
    assert run.xcom("call")["set_aside"] == 1
    assert "1 invalid_key. A key is a string or a whole number: cast its column" in caplog.text
    assert numbers(voiceinfra) == ["+12125551000"]


def test_too_many_of_them_stop_the_list_before_anybody_is_called(run_list, voiceinfra, capfd):
    rows = [*people(3), {"to_number": "12", "name": ""}]
    assert run_list(calls=rows).state == "failed"
    assert "nobody was called" in "".join(capfd.readouterr())
    assert not voiceinfra.dials


def test_a_fixed_source_and_a_clear_call_the_fixed_numbers(run_list, voiceinfra, warehouse, clear):
    warehouse([(1, "2125550101", "Ada", None), (2, "12", "Bob", None)])
    assert run_list(when=DAY, **OF_WAREHOUSE).state == "failed"
    warehouse([(1, "2125550109", "Ada", None), (2, "2125550102", "Bob", None)])
    clear()
    assert run_list(when=DAY, **OF_WAREHOUSE).state == "success"
    assert numbers(voiceinfra) == ["+12125550102", "+12125550109"]


def test_rows_are_called_by_their_priority(run_list, voiceinfra):
    scores = {row["to_number"]: score for row, score in zip(people(4), (2, None, 10, 2.5), strict=True)}
    rows = [{"to_number": number, "Score": score} for number, score in scores.items()]
    assert run_list(calls=rows, order_by_priority="score", max_in_flight=1).state == "success"
    assert [scores[dial.to_number] for dial in voiceinfra.dials] == [10, 2.5, 2, None]


VARIANTS = {"short": Variant(first_message="Hi {name}."), "long": Variant(agent_id="agent_sandbox")}


def test_each_row_is_called_by_its_variant_in_redials_too_and_variants_are_compared(run_list, voiceinfra):
    rows = [row | {"id": f"customer-{at}"} for at, row in enumerate(people(20))]
    for row in rows:
        voiceinfra.outcome(row["to_number"], "voicemail" if row["id"] in {"customer-0", "customer-1"} else "answered")
    fields = {"key_column": "id", "first_message": "Hello.", "variants": VARIANTS}
    run = run_list(when=DAY, calls=rows, redial=AT_ONCE, **fields)
    wanted = {row["to_number"]: choose_variant(VARIANTS, row["id"]) for row in rows}
    calls = list(voiceinfra.store.calls.iterate(CallFilter(list_id=run.xcom("call", "list_id"))))
    assert {call.to_number: call.variant for call in calls} == wanted
    assert len(calls) == 22
    said = {dial.to_number: dial.first_message for dial in voiceinfra.dials}
    assert said == {
        row["to_number"]: f"Hi {row['name']}." if wanted[row["to_number"]] == "short" else "Hello." for row in rows
    }
    counts = Counter(wanted.values())
    missed = Counter(wanted[row["to_number"]] for row in rows[:2])
    assert run.xcom("call")["variants"] == {
        name: {
            "called": counts[name],
            "answered": counts[name] - missed[name],
            "answer_rate": round((counts[name] - missed[name]) / counts[name], 4),
        }
        for name in VARIANTS
    }


def test_texts_are_filled_from_each_rows_columns(run_list, voiceinfra, warehouse):
    warehouse([(7, "2125550101", "Ada {secret}", None), (8, "2125550102", "Bob {{ 1 / 0 }}", None)])
    texts = {"first_message": "Hello {name}, this is about {{ 40 + 2 }}.", "context": 'Order {id}: {"state": "new"}'}
    assert run_list(**OF_WAREHOUSE, **texts).state == "success"
    assert sorted((dial.first_message, dial.context) for dial in voiceinfra.dials) == [
        ("Hello Ada {secret}, this is about 42.", 'Order 7: {"state": "new"}'),
        ("Hello Bob {{ 1 / 0 }}, this is about 42.", 'Order 8: {"state": "new"}'),
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("Hello {nom}.", "The source has no column 'nom'"),
        ("Hello {name.__class__}.", "only names of columns are filled in"),
    ],
)
def test_a_text_that_cannot_be_filled_fails_before_anybody_is_called(
    run_list, voiceinfra, warehouse, text, says, capfd
):
    warehouse([(7, "2125550101", "Ada", None)])
    assert run_list(**OF_WAREHOUSE, first_message=text).state == "failed"
    assert says in "".join(capfd.readouterr())
    assert not voiceinfra.dials


def test_a_column_that_is_missing_is_named(run_list, voiceinfra, warehouse, capfd):
    warehouse([(1, "2125550101", "Ada", None)])
    assert run_list(**OF_WAREHOUSE | {"variable_columns": ["nom"]}).state == "failed"
    assert "The source has no column 'nom'; it has id, phone, name, secret, tz" in "".join(capfd.readouterr())
    assert not voiceinfra.dials


def test_who_is_not_reached_is_called_again(run_list, voiceinfra):
    voiceinfra.outcome("+12125551001", "voicemail")
    run = run_list(calls=people(3), redial=Redial(attempts=2, wait=timedelta(seconds=0.2)))
    assert run.summary() | {"list_id": ""} == {"list_id": "", "rows": 3, "answered": 2, "voicemail": 1}
    assert numbers(voiceinfra).count("+12125551001") == 2
    assert len(voiceinfra.dials) == 4


def test_what_was_said_is_counted(run_list, voiceinfra):
    said = [{"confirmed": True}, {"confirmed": False}, {}, {"confirmed": False, "call_back_at": "some time"}]
    for person, extracted in zip(people(4), said, strict=True):
        voiceinfra.outcome(person["to_number"], "answered", extracted=extracted)
    redial = Redial(goal="confirmed", callback_field="call_back_at", attempts=2, wait=timedelta(0))
    run = run_list(calls=people(4), redial=redial)
    assert run.summary() | {"list_id": ""} == {
        "list_id": "", "rows": 4, "answered": 2, "no_goal": 2, "goal_unreadable": 1, "callback_ignored": 1
    }  # fmt: skip
    assert len(voiceinfra.dials) == 5
    goals = [call.goal for call in voiceinfra.store.calls.iterate()]
    assert Counter(goals) == {"met": 1, "missed": 3, "unreadable": 1}


def test_a_summary_says_so_also_where_it_never_happened(run_list, voiceinfra):
    summary = run_list(calls=people(1), redial=Redial(goal="appointment_confirmed")).xcom("call")
    assert {name: summary[name] for name in ("no_goal", "goal_unreadable", "callback_ignored")} == {
        "no_goal": 0, "goal_unreadable": 1, "callback_ignored": 0
    }  # fmt: skip


MOBILE, HOME, WORK = "+12125551001", "+12125551002", "+12125551003"
ONE_ROW = [{"id": 7, "mobile": MOBILE, "home": HOME, "work": WORK}]
SEVERAL = {"column_map": {"to_number": ["mobile", "home", "work"]}, "key_column": "id"}


def dialled(voiceinfra):
    return [dial.to_number for dial in voiceinfra.dials]


@pytest.mark.parametrize(
    ("next_number", "numbers"),
    [(True, [MOBILE, HOME, WORK, MOBILE]), (False, [MOBILE] * 4)],
)
def test_each_attempt_calls_the_next_number_of_a_row_in_turn(run_list, voiceinfra, next_number, numbers):
    for number in (MOBILE, HOME, WORK):
        voiceinfra.outcome(number, "voicemail")
    redial = Redial(attempts=4, wait=timedelta(hours=1), next_number=next_number)
    run = run_list(calls=ONE_ROW, redial=redial, **SEVERAL)
    assert run.summary() | {"list_id": ""} == {"list_id": "", "rows": 1, "voicemail": 1}
    assert dialled(voiceinfra) == numbers


def test_after_an_answer_no_other_number_of_the_row_is_called(run_list, voiceinfra):
    voiceinfra.outcome(MOBILE, "failed")
    voiceinfra.outcome(HOME, "answered", extracted={"confirmed": False})
    voiceinfra.after(timedelta(minutes=90), lambda: voiceinfra.outcome(HOME, "failed"))
    redial = Redial(goal="confirmed", attempts=4, wait=timedelta(hours=1), next_number=True)
    run_list(calls=ONE_ROW, redial=redial, **SEVERAL)
    assert dialled(voiceinfra) == [MOBILE, HOME, HOME, HOME]


def test_an_unknown_call_stops_a_row_with_several_numbers(run_list, voiceinfra):
    lost = [{**ONE_ROW[0], "mobile": "+12125550111"}]
    run = run_list(calls=lost, redial=Redial(next_number=True), completion_timeout=SHORT, **SEVERAL)
    assert run.state == "failed"
    assert not voiceinfra.dials


def test_invalid_and_listed_numbers_of_a_row_are_passed_over(run_list, voiceinfra):
    rows = [
        {"id": 1, "mobile": "no idea", "home": "+12125551011", "work": None},
        {"id": 2, "mobile": "+12125551021", "home": "+12125551022", "work": "+1 212 555 1021"},
        {"id": 3, "mobile": "12", "home": "", "work": "0"},
        {"id": 4, "mobile": None, "home": None, "work": None},
        {"id": 5, "mobile": "+12125551051", "home": "+12125551021", "work": None},
    ]
    voiceinfra.store.do_not_call.add(["+12125551021", "+12125551051"], actor="ada", reason="moved")
    asked = {"calls": rows, "max_invalid_fraction": 0.5, **SEVERAL}
    planned = run_list(dry_run=True, **asked).summary()
    assert {name: planned[name] for name in ("rows", "set_aside", "do_not_call", "to_call")} == {
        "rows": 5, "set_aside": 2, "do_not_call": 1, "to_call": 2
    }  # fmt: skip
    run = run_list(**asked)
    assert run.summary() | {"list_id": ""} == {
        "list_id": "", "rows": 5, "answered": 2, "do_not_call": 1, "set_aside": 2
    }  # fmt: skip
    assert numbers(voiceinfra) == ["+12125551011", "+12125551022"]


def test_a_number_that_voiceinfra_rejects_is_passed_over_once(run_list, voiceinfra):
    invalid = ["+12125550142", "+13125550142", "+14155550142"]
    rows = [
        {"id": 1, "mobile": invalid[0], "home": HOME, "work": WORK},
        {"id": 2, "mobile": invalid[1], "home": invalid[2], "work": None},
    ]
    run = run_list(calls=rows, **SEVERAL)
    assert run.summary() | {"list_id": ""} == {"list_id": "", "rows": 2, "answered": 1, "rejected": 1}
    assert dialled(voiceinfra) == [HOME]
    rejected = voiceinfra.store.calls.iterate(CallFilter(state="rejected"))
    assert sorted(call.to_number for call in rejected) == sorted(invalid)


def test_a_rejected_number_is_not_called_again_because_the_other_may_not_be_called(run_list, voiceinfra):
    listed, invalid = "+12125551021", ["+12125550142", "+13125550142"]
    rows = [
        {"id": 1, "mobile": invalid[0], "home": listed},
        {"id": 2, "mobile": HOME, "home": None},
        {"id": 3, "mobile": invalid[1], "home": HOME},
    ]
    voiceinfra.store.do_not_call.add([listed], actor="ada", reason="moved")
    run = run_list(calls=rows, column_map={"to_number": ["mobile", "home"]}, key_column="id")
    assert run.summary() | {"list_id": ""} == {"list_id": "", "rows": 3, "answered": 1, "rejected": 2}
    rejected = voiceinfra.store.calls.iterate(CallFilter(state="rejected"))
    assert sorted(call.to_number for call in rejected) == invalid


def test_a_row_with_several_numbers_is_one_row_for_every_list(run_list, voiceinfra, warehouse):
    voiceinfra.outcome(MOBILE, "voicemail")
    run_list(calls=ONE_ROW, **SEVERAL)
    again = [{**ONE_ROW[0], "mobile": HOME, "home": MOBILE}]
    assert run_list(calls=again, redial=Redial(next_number=True), **SEVERAL).summary()["already_called"] == 1
    assert dialled(voiceinfra) == [MOBILE]


def test_several_numbers_need_a_key_that_stays_the_same_when_a_number_changes():
    query = {"sql": "SELECT 1", "sql_conn_id": "warehouse"}
    for source in ({"calls": ONE_ROW}, query, query | {"suppress_sql": "SELECT 1"}):
        with pytest.raises(ValueError, match=r"to_number'\] has several columns, so a key_column is needed"):
            call_lists.make_dag(call_lists.of_rows, column_map=SEVERAL["column_map"], **source)


def test_columns_of_numbers_are_checked_when_the_dag_is_parsed():
    for wrong in ([], ["mobile", 1], {"mobile", "home"}, [""]):
        with pytest.raises((TypeError, ValueError), match="column_map"):
            call_lists.make_dag(call_lists.of_rows, calls=[], column_map={"to_number": wrong})


def test_the_guard_ends_rows_and_lets_others_go_on(run_list, voiceinfra):
    voiceinfra.store.do_not_call.add(["+12125551001"], actor="ada", reason="asked")
    late = {**people(3)[2], "not_after": (datetime.now(UTC) - timedelta(hours=1)).isoformat()}
    run = run_list(calls=[*people(2), late])
    assert run.summary() | {"list_id": ""} == {
        "list_id": "", "rows": 3, "answered": 1, "do_not_call": 1, "expired": 1
    }  # fmt: skip
    assert numbers(voiceinfra) == ["+12125551000"]


def test_a_key_that_is_refused_stops_the_list_and_leaves_its_rows(run_list, voiceinfra, limits, capfd):
    assert run_list(calls=people(30), agent_id="agent_of_yesterday", max_in_flight=2).state == "failed"
    output = "".join(capfd.readouterr())
    assert "The list stops here; its other rows were not dialled." in output
    assert not voiceinfra.dials
    rejected = list(voiceinfra.store.calls.iterate(CallFilter(state="rejected")))
    assert 1 <= len(rejected) <= 2


def test_an_unknown_row_fails_the_task_and_is_not_dialled_again(run_list, voiceinfra, capfd):
    rows = [*people(2), {"to_number": "+12125550111", "name": "lost"}]
    run = run_list(calls=rows, completion_timeout=SHORT)
    assert run.state == "failed"
    output = "".join(capfd.readouterr())
    assert "Of 1 rows of list vl_" in output
    assert "nobody knows whether they were called: vc_" in output
    assert len(voiceinfra.dials) == 2


@pytest.fixture
def unknown(run_list, voiceinfra, warehouse):
    """A call of Eve, of which nobody knows whether it was placed; Ada was called. The task has failed."""
    warehouse([(1, "2125551000", "Ada", None), (2, "2125550111", "Eve", None)])
    assert run_list(when=DAY, completion_timeout=SHORT, **OF_WAREHOUSE).state == "failed"
    [call] = voiceinfra.store.calls.iterate(CallFilter(state="unknown"))
    return call


def test_who_was_not_called_as_a_person_found_out_is_called_once(run_list, voiceinfra, unknown, clear, monkeypatch):
    voiceinfra.store.resolutions.not_placed(unknown.ref, actor="ada")
    monkeypatch.setattr(call_endpoint, "scenario_of", lambda _: ANSWERED)
    for _ in range(2):
        clear()
        run = run_list(when=DAY, **OF_WAREHOUSE)
        assert run.state == "success"
        assert run.summary() == {"list_id": unknown.list_id, "rows": 2, "answered": 2}
        assert numbers(voiceinfra) == ["+12125550111", "+12125551000"]


def test_by_a_retry_too(run_list, voiceinfra, unknown, monkeypatch):
    monkeypatch.setattr(progress, "DUE_AGAIN", SHORT)
    monkeypatch.setattr(call_endpoint, "scenario_of", lambda _: ANSWERED)
    voiceinfra.store.resolutions.not_placed(unknown.ref, actor="ada")
    assert run_list(when=DAY, **OF_WAREHOUSE).xcom("call")["answered"] == 2
    assert numbers(voiceinfra) == ["+12125550111", "+12125551000"]


def test_unless_she_is_gone_from_the_source_by_then(run_list, voiceinfra, unknown, warehouse, clear):
    voiceinfra.store.resolutions.not_placed(unknown.ref, actor="ada")
    warehouse([(1, "2125551000", "Ada", None)])
    clear()
    run = run_list(when=DAY, **OF_WAREHOUSE)
    assert run.summary() == {"list_id": unknown.list_id, "rows": 2, "answered": 1, "dropped": 1}
    assert numbers(voiceinfra) == ["+12125551000"]


def test_of_whom_it_is_found_out_that_she_was_called_the_outcome_counts(run_list, voiceinfra, unknown, clear):
    voiceinfra.store.resolutions.placed(unknown.ref, "call_of_eve", actor="ada")
    clear()
    # Its time is over, and nothing has come of it yet.
    run = run_list(when=DAY, **OF_WAREHOUSE)
    assert run.summary() == {"list_id": unknown.list_id, "rows": 2, "answered": 1, "overdue": 1}
    deliver(voiceinfra.store, "call_of_eve", to_number="+12125550111", call_outcome="voicemail")
    clear()
    run = run_list(when=DAY, **OF_WAREHOUSE)
    assert run.summary() == {"list_id": unknown.list_id, "rows": 2, "answered": 1, "voicemail": 1}
    assert len(voiceinfra.dials) == 1


@pytest.mark.parametrize(("redial", "result", "dials"), [(None, "failed", 1), (AT_ONCE, "overdue", 2)])
def test_so_does_what_an_overdue_call_says_at_last(run_list, voiceinfra, clear, redial, result, dials):
    asked = {"calls": [{"to_number": "+12125550164"}], "redial": redial, "completion_timeout": SHORT}
    first = run_list(when=DAY, **asked)
    assert first.xcom("call")["overdue"] == 1
    [call] = voiceinfra.store.calls.iterate()
    deliver(voiceinfra.store, call.call_id, to_number=call.to_number, call_outcome="failed")
    clear()
    run = run_list(when=DAY, **asked)
    # Its redial says nothing either.
    assert run.summary() == {"list_id": call.list_id, "rows": 1, result: 1}
    assert len(voiceinfra.dials) == dials


def test_whom_voiceinfra_refused_to_call_is_called_by_a_clear(run_list, voiceinfra, warehouse, clear):
    warehouse([(1, "2125551000", "Ada", None), (2, "2125550140", "Eve", None)])
    assert run_list(when=DAY, **OF_WAREHOUSE).xcom("call")["rejected"] == 1
    warehouse([(1, "2125551000", "Ada", None), (2, "2125551001", "Eve", None)])
    for _ in range(2):
        clear()
        run = run_list(when=DAY, **OF_WAREHOUSE)
        assert run.summary() | {"list_id": ""} == {"list_id": "", "rows": 2, "answered": 2}
    assert numbers(voiceinfra) == ["+12125551000", "+12125551001"]


def told(voiceinfra):
    """What the newest list says of itself."""
    return voiceinfra.store.list_pages.newest()[0].described_state


def test_rows_that_a_person_redials_are_dialled_once_their_task_is_cleared(run_list, voiceinfra, clear):
    voiceinfra.outcome("+12125551001", "failed")
    run = run_list(when=DAY, calls=people(3))
    assert told(voiceinfra) == "done"
    assert voiceinfra.store.redials.by_result(run.xcom("call")["list_id"], "failed", actor="ada") == 1
    assert told(voiceinfra) == "planned"
    voiceinfra.outcome("+12125551001", "answered")
    for _ in range(2):
        clear()
        run = run_list(when=DAY, calls=people(3))
        assert run.summary() | {"list_id": ""} == {"list_id": "", "rows": 3, "answered": 3}
    assert numbers(voiceinfra) == ["+12125551000", "+12125551001", "+12125551001", "+12125551002"]


def test_rows_that_a_person_redials_while_their_task_ends_are_dialled_by_it(run_list, voiceinfra, monkeypatch):
    store, requests = voiceinfra.store, ["ada"]
    voiceinfra.outcome("+12125551000", "failed")
    end = store.list_states.done

    def redial_first(list_id):
        while requests:
            store.redials.by_result(list_id, "failed", actor=requests.pop())
        return end(list_id)

    monkeypatch.setattr(
        "airflow_provider_voiceinfra.store.lists.list_states.ListStates.done", lambda _, its: redial_first(its)
    )
    run = run_list(calls=people(2))
    assert not requests
    assert run.summary() | {"list_id": ""} == {"list_id": "", "rows": 2, "answered": 1, "failed": 1}
    assert numbers(voiceinfra) == ["+12125551000", "+12125551000", "+12125551001"]
    assert told(voiceinfra) == "done"


def test_an_overdue_row_is_redialled_by_its_ref_and_not_where_its_answer_comes_first(run_list, voiceinfra, clear):
    rows = {"calls": [{"to_number": "+12125550164"}, {"to_number": "+13105550164"}], "completion_timeout": SHORT}
    run = run_list(when=DAY, **rows)
    list_id, calls = run.xcom("call")["list_id"], list(voiceinfra.store.calls.iterate(CallFilter(state="overdue")))
    refs = {call.ref for call in calls}
    assert voiceinfra.store.redials.by_ref(list_id, refs, actor="ada") == refs
    deliver(voiceinfra.store, calls[0].call_id, to_number=calls[0].to_number, call_outcome="answered")
    clear()
    run = run_list(when=DAY, **rows)
    assert run.summary() == {"list_id": list_id, "rows": 2, "answered": 1, "overdue": 1}
    assert sorted(numbers(voiceinfra)) == sorted([*(call.to_number for call in calls), calls[1].to_number])


def test_a_list_says_why_it_failed_and_while_it_waits_for_whom(run_list, voiceinfra, warehouse, meanwhile):
    warehouse([(1, "2125551000", "Ada", None)])
    run_list(**OF_WAREHOUSE | {"sql": "SELECT * FROM nobody"})
    assert told(voiceinfra).startswith("failed: The query on 'warehouse' failed")
    store, said = voiceinfra.store, []
    store.pauses.pause(Scope.AGENT, "agent_sandbox", reason="wrong date", actor="ada")

    def cancel():
        said.append(told(voiceinfra))
        store.pauses.resume(Scope.AGENT, "agent_sandbox", actor="bob", cancel=True)

    meanwhile(lambda: told(voiceinfra).startswith("paused"), cancel)
    run_list(calls=people(2))
    assert said == ["paused by ada: wrong date"]
    assert told(voiceinfra) == "cancelled by bob"


def test_too_many_who_are_not_reached_fail_the_task_at_its_end(run_list, voiceinfra, capfd):
    voiceinfra.outcome("+12125551000", "failed")
    assert run_list(calls=people(3), max_failed_fraction=0.5).state == "success"
    voiceinfra.outcome("+13105551000", "failed")
    assert run_list(calls=people(3, area=310), max_failed_fraction=0.3).state == "failed"
    assert "1 of 3 rows" in "".join(capfd.readouterr())


def test_a_held_list_waits_and_goes_on(run_list, voiceinfra, meanwhile):
    store = voiceinfra.store
    store.pauses.pause(Scope.ALL, "", reason="wrong date", actor="ada")
    meanwhile(
        lambda: list(store.calls.iterate(CallFilter(state="waiting"))),
        lambda: store.pauses.resume(Scope.ALL, "", actor="bob"),
    )
    run = run_list(calls=people(3))
    assert run.xcom("call")["answered"] == 3
    assert len(voiceinfra.dials) == 3


def test_or_is_cancelled_as_a_whole(run_list, voiceinfra, meanwhile):
    store = voiceinfra.store
    store.pauses.pause(Scope.ALL, "", reason="wrong list", actor="ada")
    meanwhile(
        lambda: list(store.calls.iterate(CallFilter(state="waiting"))),
        lambda: store.pauses.resume(Scope.ALL, "", actor="bob", cancel=True),
    )
    run = run_list(calls=people(9), max_in_flight=2)
    assert run.summary() | {"list_id": ""} == {"list_id": "", "rows": 9, "cancelled": 9}
    assert not voiceinfra.dials


def test_rows_of_a_task_and_of_the_dag_show_no_number_and_no_word(run_list, voiceinfra):
    for way, rows in ((call_lists.of_rows, {"calls": people(2)}), (call_lists.of_a_task, {"rows": people(2, 310)})):
        run = run_list(way, first_message="Hello, it is about your biopsy", **rows)
        rendered = run.rendered("call")
        assert rendered["calls"] == "2 rows"
        assert "555" not in str(rendered)
        assert "biopsy" not in str(rendered)
    assert {dial.first_message for dial in voiceinfra.dials} == {"Hello, it is about your biopsy"}


# Whatever type of number the other query makes of a key.
@pytest.mark.parametrize("key", ["id", "CAST(id AS REAL)"])
def test_who_has_cancelled_meanwhile_is_not_called(run_list, voiceinfra, warehouse, key):
    warehouse([(number, f"212555010{number}", "Ada", None) for number in range(1, 6)])
    run = run_list(
        **OF_WAREHOUSE,
        suppress_sql=f"SELECT {key} FROM people WHERE id = 1",
        eligible_sql=f"SELECT {key} FROM people WHERE id <> 2",
    )
    assert run.summary() | {"list_id": ""} == {
        "list_id": "", "rows": 5, "answered": 3, "suppressed": 1, "not_eligible": 1
    }  # fmt: skip
    assert len(voiceinfra.dials) == 3


def test_or_by_number_where_rows_have_no_key(run_list, voiceinfra, warehouse):
    warehouse([(1, "(212) 555-1001", "Ada", None)])
    run = run_list(calls=people(3), sql_conn_id="warehouse", suppress_sql="SELECT phone FROM people")
    assert run.xcom("call")["suppressed"] == 1
    assert numbers(voiceinfra) == ["+12125551000", "+12125551002"]


def test_where_that_cannot_be_asked_nobody_is_called(run_list, voiceinfra, warehouse):
    warehouse([])
    assert (
        run_list(calls=people(3), sql_conn_id="warehouse", suppress_sql="SELECT phone FROM nowhere").state == "failed"
    )
    assert not voiceinfra.dials


@pytest.mark.parametrize("field", ["suppress_sql", "eligible_sql"])
def test_where_its_keys_cannot_be_read_nobody_is_called(run_list, voiceinfra, warehouse, capfd, field):
    warehouse([(1, "2125550101", "Ada", None)])
    run = run_list(**OF_WAREHOUSE, **{field: "SELECT id + 0.5 FROM people"})
    assert run.state == "failed"
    assert "key is a float that is not a whole number" in "".join(capfd.readouterr())
    assert not voiceinfra.dials


@pytest.mark.parametrize("field", ["sql", "suppress_sql"])
def test_what_a_database_says_of_a_row_is_not_repeated(run_list, voiceinfra, warehouse, capfd, field):
    warehouse([(1, "212 555 0101", "owes us money", None)])
    run = run_list(**OF_WAREHOUSE | {field: "SELECT json_extract('{}', name) AS phone FROM people"})
    assert run.state == "failed"
    said = "".join(capfd.readouterr())
    assert "The query on 'warehouse' failed: OperationalError (SQLITE_ERROR)" in said
    assert "owes us" not in said
    assert not voiceinfra.dials


def test_a_list_whose_calls_all_fail_pauses_itself_until_a_user_resumes_it(run_list, voiceinfra, meanwhile, caplog):
    store, rows = voiceinfra.store, people(30)
    for each in rows:
        voiceinfra.outcome(each["to_number"], "failed")

    def held():
        return store.pauses.in_force()

    def look_and_release():
        [pause] = held()
        assert (pause.scope, pause.paused_by, pause.reason) == ("list", "circuit_breaker", "the last 5 calls failed")
        assert 5 <= len(voiceinfra.dials) <= 7
        for each in rows:
            voiceinfra.outcome(each["to_number"], "answered")
        store.pauses.resume(pause.scope, pause.name, actor="bob")

    meanwhile(held, look_and_release)
    run = run_list(calls=rows, max_in_flight=2, circuit_breaker=CircuitBreaker(consecutive_failed=5))
    assert run.xcom("call")["rows"] == 30
    assert run.xcom("call")["answered"] >= 23
    assert "is paused, because the last 5 calls failed" in caplog.text


def test_a_list_pauses_itself_after_its_pilot_once_and_a_user_resumes_it(run_list, voiceinfra, meanwhile, clear):
    store, rows = voiceinfra.store, people(12)
    store.do_not_call.add([rows[0]["to_number"]], actor="ada", reason="asked")
    voiceinfra.outcome(rows[1]["to_number"], "voicemail")
    pauses = []

    def look_and_resume():
        [pause] = store.pauses.in_force()
        pauses.append((pause.scope, pause.paused_by, pause.reason, numbers(voiceinfra)))
        store.pauses.resume(pause.scope, pause.name, actor="bob")

    meanwhile(store.pauses.in_force, look_and_resume)
    run = run_list(when=DAY, calls=rows, pilot=5, max_in_flight=10, redial=Redial(attempts=2))
    assert run.xcom("call") | {"list_id": ""} == {"list_id": "", "rows": 12} | ZEROS | {
        "answered": 10, "voicemail": 1, "do_not_call": 1
    }  # fmt: skip
    reason = "its pilot of 5 rows has ended: 4 answered, 1 voicemail"
    assert pauses == [("list", "pilot", reason, [each["to_number"] for each in rows[1:6]])]
    clear()
    assert run_list(when=DAY, calls=people(20), pilot=5).xcom("call")["answered"] == 18
    assert not store.pauses.in_force()


def test_a_list_that_is_smaller_than_its_pilot_is_called_to_its_end(run_list, voiceinfra):
    assert run_list(calls=people(3), pilot=3).xcom("call")["answered"] == 3


@pytest.mark.parametrize(("ending", "result"), [("11", "unknown"), ("64", "overdue")])
def test_so_does_one_of_which_nobody_knows_what_becomes_of_its_calls(run_list, voiceinfra, meanwhile, ending, result):
    rows = [{"to_number": f"+1{area}55501{ending}"} for area in (212, 310, 415, 503, 602, 713)]
    store = voiceinfra.store
    meanwhile(
        store.pauses.in_force,
        lambda: store.pauses.resume(Scope.LIST, store.pauses.in_force()[0].name, actor="bob", cancel=True),
    )
    run = run_list(
        calls=rows,
        max_in_flight=2,
        completion_timeout=timedelta(seconds=1),
        circuit_breaker=CircuitBreaker(**{result: 2}),
    )
    assert run.state == {"unknown": "failed", "overdue": "success"}[result]
    list_id = store.lists.open(source_of(run), Realm.SANDBOX)
    results = Counter(each for _, each in store.lists.counts(list_id).elements())
    assert results[result] >= 2
    assert results["cancelled"] >= 2


def test_once_its_minutes_are_talked_nobody_is_dialled_any_more(run_list, voiceinfra, caplog):
    for row in people(6):
        voiceinfra.outcome(row["to_number"], "answered", duration_seconds=90)
    run = run_list(calls=people(6), max_in_flight=1, max_minutes=4)
    assert run.state == "success"
    assert run.summary() == {"list_id": run.xcom("call", "list_id"), "rows": 6, "answered": 3, "given_up": 3}
    assert len(voiceinfra.dials) == 3
    assert "3 rows of list" in caplog.text
    assert "its calls have talked 4 minutes (max_minutes)" in caplog.text


def test_a_list_waits_for_the_minutes_that_its_calls_in_progress_leave(run_list, voiceinfra):
    for row in people(6):
        voiceinfra.outcome(row["to_number"], "voicemail", duration_seconds=5)
    # Estimated, there are minutes for one call at a time.
    run = run_list(calls=people(6), max_in_flight=6, max_minutes=2)
    assert run.summary() | {"list_id": ""} == {"list_id": "", "rows": 6, "voicemail": 6}
    assert len(voiceinfra.dials) == 6


def test_minutes_of_the_connection_make_a_list_wait_until_the_next_day(run_list, voiceinfra, monkeypatch):
    connection = json.loads(os.environ["AIRFLOW_CONN_VOICEINFRA_DEFAULT"])
    connection["extra"]["max_minutes_per_day"] = "1"
    monkeypatch.setenv("AIRFLOW_CONN_VOICEINFRA_DEFAULT", json.dumps(connection))
    voiceinfra.set_now("2026-12-07T12:00+00:00")
    for row in people(2):
        voiceinfra.outcome(row["to_number"], "answered", duration_seconds=90)
    run = run_list(calls=people(2))
    assert run.summary()["answered"] == 2
    assert sorted(call.claimed_at.day for call in voiceinfra.store.calls.iterate()) == [7, 8]


def test_after_give_up_after_it_waits_for_the_open_call_without_looking_again_and_again(run_list, voiceinfra, caplog):
    voiceinfra.set_now("2026-12-07T12:00+00:00")
    whose_webhook_is_lost = {"to_number": "+14155550164"}
    run = run_list(
        calls=[whose_webhook_is_lost, *people(1)],
        max_in_flight=1,
        give_up_after=SHORT,
        completion_timeout=timedelta(hours=3),
    )
    assert run.summary() | {"list_id": ""} == {"list_id": "", "rows": 2, "overdue": 1, "given_up": 1}
    assert caplog.text.count("Waiting until") < 10


def test_after_give_up_after_nobody_is_dialled_any_more(run_list, voiceinfra, caplog):
    voiceinfra.set_now("2026-12-07T12:00+00:00")
    late = {**people(2)[1], "timezone": "UTC"}
    closed = CallingHours(time(0), time(1), timezone="UTC")
    voiceinfra.outcome("+12125551000", "voicemail")
    run = run_list(calls=people(1), redial=Redial(attempts=2, wait=timedelta(days=1)), give_up_after=SHORT)
    # Who was called before ends as that call did.
    assert run.summary() | {"list_id": ""} == {"list_id": "", "rows": 1, "voicemail": 1}
    run = run_list(calls=[late], calling_hours=closed, give_up_after=SHORT)
    assert run.xcom("call")["rows"] == 1
    assert {"given_up", "expired"} & set(run.summary())
    assert len(voiceinfra.dials) == 1
    assert "are not dialled any more: give_up_after ended at" in caplog.text


def test_no_faster_than_calls_per_second(run_list, voiceinfra):
    run = run_list(calls=people(12), max_in_flight=12, calls_per_second=10)
    assert run.xcom("call")["answered"] == 12
    times = sorted(dial.at for dial in voiceinfra.dials)
    # Any second sees one more at most.
    assert min(b - a for a, b in zip(times, times[11:], strict=False)) >= timedelta(seconds=1)


def test_a_plan_calls_nobody_and_says_what_would_happen_and_when(run_list, voiceinfra, warehouse):
    rows = [(number, f"+1212555010{number}", "Ada", "America/New_York") for number in range(6)]
    warehouse([*rows[:1], (9, "12", "Bob", None)])
    run_list(**OF_WAREHOUSE, max_invalid_fraction=0.5)
    warehouse([*rows, (9, "12", "Bob", None)])
    voiceinfra.store.do_not_call.add(["+12125550102"], actor="ada", reason="asked")
    now = datetime.now(ZoneInfo("America/New_York"))
    opens = (now.hour + 2) % 24 if now.hour != 21 else 0
    hours = CallingHours(time(opens), time(opens, 59), WEEKDAYS)
    planned = run_list(
        **OF_WAREHOUSE,
        calling_hours=hours,
        suppress_sql="SELECT id FROM people WHERE id = 1",
        dry_run=True,
        max_invalid_fraction=0.5,
    ).summary()
    assert planned.pop("done_at") > datetime.now(UTC).isoformat()
    assert planned | {"list_id": "", "when": 0} == {
        "list_id": "", "rows": 7, "set_aside": 1, "suppressed": 1, "already_called": 1, "do_not_call": 1,
        "to_call": 3, "when": 0,
    }  # fmt: skip
    assert list(planned["when"].values()) == [3]
    assert datetime.fromisoformat(next(iter(planned["when"]))).astimezone(now.tzinfo).hour == opens
    assert len(voiceinfra.dials) == 1
    # Nothing is left of it: a task that is cleared without dry_run starts from the beginning.
    assert set(voiceinfra.store.lists.counts(planned["list_id"])) == set()
    assert planned["list_id"] not in {known.id for known in voiceinfra.store.list_pages.newest()}
    again = run_list(**OF_WAREHOUSE, dry_run=True, max_invalid_fraction=0.5).xcom("call")
    assert again["when"] == {"now": 4}


def test_it_says_when_the_list_will_be_done_and_how_many_rows_will_not_be_called(run_list, voiceinfra, limits):
    # A Friday, 11:00 in New York.
    voiceinfra.set_now("2026-11-27T16:00+00:00")
    limits(max_calls_per_day="30", calling_hours="mon-fri 09:00-12:00 America/New_York")
    # A call takes two minutes where none was answered yet: a line is enough for 30 an hour.
    fields = {"calls": people(100), "max_in_flight": 1, "dry_run": True}
    planned = run_list(**fields).xcom("call")
    # 30 on Friday, and from Monday on; the last 10 on Wednesday from 14:00 UTC on.
    assert planned["done_at"].startswith("2026-12-02T14:2")
    assert planned["will_not_be_called"] == 0
    assert planned["when"] == {"now": 100}
    planned = run_list(**fields, give_up_after=timedelta(days=3)).xcom("call")
    assert planned["will_not_be_called"] == 40
    assert not voiceinfra.dials


def test_so_does_the_progress_of_a_list_that_runs(run_list, voiceinfra, caplog):
    voiceinfra.set_now("2026-11-27T22:00+00:00")
    run_list(calls=people(30), max_in_flight=1, calling_hours="mon-fri 09:00-17:00 America/New_York")
    [told, *_] = [each for each in caplog.messages if " rows left" in each]
    assert "30 of 30 rows left" in told
    # On Monday at nine, at two minutes a call.
    assert re.search(r"done at 2026-11-30 15:0[0-4] UTC\.", told)


def test_and_what_a_pause_would_stop(run_list, voiceinfra):
    voiceinfra.store.pauses.pause(Scope.ALL, "", reason="holiday", actor="ada")
    assert run_list(calls=people(2), dry_run=True).xcom("call")["when"] == {"after resume": 2}


def source_of(run):
    from airflow_provider_voiceinfra.store.models import Source

    [call, *_] = config.call_store().calls.iterate()
    return Source(run.dag_id, run.run_id, call.source.logical_run, "call")


def test_what_makes_no_sense_is_told_when_the_dag_is_parsed():
    for wrong in (
        {},
        {"sql": "SELECT 1"},
        {"calls": [], "sql": "x", "sql_conn_id": "y"},
        {"calls": [], "max_in_flight": 0},
        {"calls": [], "max_minutes": 0},
        {"calls": [], "calls_per_second": 0},
    ):
        with pytest.raises(ValueError, match=r"either sql|1 or more|between 0.001 and 1000"):
            call_lists.make_dag(call_lists.of_rows, **wrong)
