"""Tests of DAGs never wait: the clock of the fixture jumps to the end of any wait in which nothing else can happen."""

from __future__ import annotations

import os
import signal
from datetime import datetime, timedelta
from functools import partial

import pytest

from airflow_provider_voiceinfra.calls.redial import Redial, RedialRule
from airflow_provider_voiceinfra.store.guard.pauses import Scope
from tests.dags import long_waits
from tests.dags.long_waits import NUMBER, UNENDING

HOUR = timedelta(hours=1)
MONDAY_10PM = "2026-12-07T22:00-05:00"
TUESDAY_9AM = datetime.fromisoformat("2026-12-08T09:00-05:00")
CLOSED = {"calling_hours": "mon-fri 09:00-19:00"}


@pytest.fixture
def run(airflow_database, voiceinfra):
    """Run a DAG; gives its state, and how long it took by the clock of the test."""

    def run(dag, **options):
        began = voiceinfra.now
        return str(dag.test(**options).state), voiceinfra.now - began

    return run


def about(expected):
    """Airflow itself takes real time."""
    return pytest.approx(expected.total_seconds(), abs=120)


def dialled_at(voiceinfra):
    return [dial.at for dial in voiceinfra.dials]


def outcomes(voiceinfra):
    return sorted(call.completion.outcome for call in voiceinfra.store.calls.iterate())


@pytest.mark.parametrize("make", [long_waits.one, partial(long_waits.people, [NUMBER, "+12125550101"])])
def test_closed_calling_hours(run, voiceinfra, make):
    voiceinfra.set_now(MONDAY_10PM)
    state, took = run(make(**CLOSED))
    assert state == "success"
    assert took.total_seconds() == about(11 * HOUR)
    for time in dialled_at(voiceinfra):
        assert (time - TUESDAY_9AM).total_seconds() == about(timedelta(0))


@pytest.mark.parametrize("deferrable", [True, False])
def test_redials_of_a_call(run, voiceinfra, deferrable):
    voiceinfra.outcome(NUMBER, "voicemail")
    state, took = run(long_waits.one(redial=Redial(attempts=3, wait=2 * HOUR), deferrable=deferrable))
    assert state == "success"
    assert took.total_seconds() == about(4 * HOUR)
    assert len(voiceinfra.dials) == 3


def test_redials_of_a_list(run, voiceinfra):
    voiceinfra.outcome(NUMBER, "voicemail")
    state, took = run(long_waits.people([NUMBER, "+12125550103"], redial=Redial(attempts=3, wait=2 * HOUR)))
    assert state == "success"
    assert took.total_seconds() == about(4 * HOUR)
    assert len(voiceinfra.dials) == 4


@pytest.mark.parametrize("make", [long_waits.one, partial(long_waits.people, [NUMBER])], ids=["operator", "list"])
def test_each_outcome_is_redialled_by_its_own_rule(run, voiceinfra, make):
    rules = {
        "voicemail": RedialRule(attempts=2, wait=24 * HOUR),
        "failed": RedialRule(attempts=3, wait=[HOUR / 2, 4 * HOUR]),
    }
    voiceinfra.outcome(NUMBER, "voicemail")
    voiceinfra.after(12 * HOUR, lambda: voiceinfra.outcome(NUMBER, "failed"))
    assert run(make(redial=Redial(rules=rules, attempts=6)))[0] == "success"
    first, *others = dialled_at(voiceinfra)
    assert [(each - first).total_seconds() for each in others] == [
        about(24 * HOUR),
        about(24.5 * HOUR),
        about(28.5 * HOUR),
    ]


@pytest.mark.parametrize("make", [long_waits.one, partial(long_waits.people, [NUMBER])], ids=["operator", "list"])
def test_a_redial_waits_for_another_time_of_the_callees_day(run, voiceinfra, make):
    voiceinfra.set_now(TUESDAY_9AM)
    voiceinfra.outcome(NUMBER, "failed")
    run(make(redial=Redial(attempts=5, wait=HOUR, at=["18:00", "08:30", "13:00"])))
    # 09:00, then 13:00, 18:00 and 08:30 and 13:00 of the next day.
    assert [(each - TUESDAY_9AM) / HOUR for each in dialled_at(voiceinfra)] == pytest.approx(
        [0, 4, 9, 23.5, 28], abs=0.1
    )


CONFIRM = Redial(goal="confirmed", callback_field="call_back_at", attempts=2, wait=HOUR)
BOTH = pytest.mark.parametrize("make", [long_waits.one, partial(long_waits.people, [NUMBER])], ids=["operator", "list"])


def hours_between(voiceinfra):
    first, *others = dialled_at(voiceinfra)
    return [(each - first) / HOUR for each in others]


@BOTH
def test_an_answered_call_that_missed_its_goal_is_redialled(run, voiceinfra, make):
    voiceinfra.outcome(NUMBER, "answered", extracted={"confirmed": False})
    assert run(make(redial=CONFIRM))[0] == "success"
    assert hours_between(voiceinfra) == pytest.approx([1], abs=0.1)


@BOTH
@pytest.mark.parametrize("confirmed", [True, "perhaps", None])
def test_one_that_met_it_or_does_not_say_is_not(run, voiceinfra, make, confirmed):
    voiceinfra.outcome(NUMBER, "answered", extracted={"confirmed": confirmed})
    assert run(make(redial=CONFIRM))[0] == "success"
    assert len(voiceinfra.dials) == 1


@BOTH
def test_a_callee_is_called_back_once_when_they_asked_for_it(run, voiceinfra, make):
    voiceinfra.set_now(TUESDAY_9AM)
    voiceinfra.outcome(NUMBER, "answered", extracted={"confirmed": False})
    asked = {"confirmed": False, "call_back_at": "2026-12-09T17:00"}
    voiceinfra.after(HOUR / 2, lambda: voiceinfra.outcome(NUMBER, "answered", extracted=asked))
    assert run(make(redial=CONFIRM))[0] == "success"
    # Both attempts are used up by then, and so is the callback after it.
    assert hours_between(voiceinfra) == pytest.approx([1, 32], abs=0.1)


def test_calling_hours_and_an_opt_out_win_over_a_callback(run, voiceinfra):
    voiceinfra.set_now(TUESDAY_9AM)
    other = "+12125550103"
    for number in (NUMBER, other):
        voiceinfra.outcome(number, "answered", extracted={"call_back_at": "2026-12-08T20:00"})
    add = partial(voiceinfra.store.do_not_call.add, [other], actor="ada", reason="asked")
    voiceinfra.after(HOUR, add)
    assert run(long_waits.people([NUMBER, other], redial=CONFIRM, **CLOSED))[0] == "success"
    assert [dial.to_number for dial in voiceinfra.dials][2:] == [NUMBER]
    assert hours_between(voiceinfra)[-1] == pytest.approx(24, abs=0.1)


@pytest.mark.parametrize("deferrable", [True, False])
def test_the_timeout_of_an_operator(run, deferrable):
    state, took = run(long_waits.one(to_number=UNENDING, wait_for_completion=True, deferrable=deferrable))
    assert state == "failed"
    assert took.total_seconds() == about(2 * HOUR)


@pytest.mark.parametrize("way", long_waits.SENSORS)
def test_the_timeout_of_a_sensor(run, way):
    state, took = run(long_waits.sensor(way))
    assert state == "failed"
    assert took.total_seconds() == about(2 * HOUR)


def test_the_timeout_of_a_list(run, voiceinfra):
    state, took = run(long_waits.people([UNENDING, NUMBER]))
    assert state == "success"
    assert took.total_seconds() == about(2 * HOUR)


@pytest.mark.parametrize("way", long_waits.SENSORS)
def test_a_webhook_that_the_test_sends(run, voiceinfra, way):
    voiceinfra.after(HOUR, lambda: voiceinfra.complete(voiceinfra.dials[0].call_id, "voicemail"))
    state, took = run(long_waits.sensor(way))
    assert state == "success"
    assert took.total_seconds() == about(HOUR)
    assert outcomes(voiceinfra) == ["voicemail"]


def test_a_retry(run):
    state, took = run(long_waits.retried())
    assert state == "success"
    assert took.total_seconds() == about(2 * HOUR)


def test_the_next_day(run, voiceinfra, limits):
    limits(max_calls_per_day="1", calling_hours="mon-sun 00:00-23:59")
    voiceinfra.set_now("2026-12-07T10:00+00:00")
    run(long_waits.one(idempotency_key="first"))
    state, took = run(long_waits.one(idempotency_key="second"))
    assert state == "success"
    assert took.total_seconds() == about(14 * HOUR)
    assert len(voiceinfra.dials) == 2


def test_the_interval_between_two_calls_of_a_number(run, voiceinfra, limits):
    limits(max_calls_per_number="1/24h")
    run(long_waits.one(idempotency_key="first"))
    state, took = run(long_waits.one(idempotency_key="second"))
    assert state == "success"
    assert took.total_seconds() == about(24 * HOUR)
    assert len(voiceinfra.dials) == 2


def test_an_expiry_during_a_pause(run, voiceinfra):
    voiceinfra.set_now(MONDAY_10PM)
    voiceinfra.store.pauses.pause(Scope.ALL, "", reason="wrong date", actor="ada")
    _, took = run(long_waits.one(not_after="2026-12-09T22:00-05:00"))
    assert took.total_seconds() == about(48 * HOUR)
    assert [str(call.state) for call in voiceinfra.store.calls.iterate()] == ["expired"]


@pytest.mark.parametrize("make", [long_waits.one, partial(long_waits.people, [NUMBER])])
def test_a_pause_that_the_test_ends(run, voiceinfra, make):
    pauses = voiceinfra.store.pauses
    pauses.pause(Scope.ALL, "", reason="wrong date", actor="ada")
    voiceinfra.after(30 * HOUR, lambda: pauses.resume(Scope.ALL, "", actor="bob"))
    state, took = run(make())
    assert state == "success"
    assert took.total_seconds() == about(30 * HOUR)
    assert len(voiceinfra.dials) == 1


@pytest.mark.parametrize("make", [long_waits.one, partial(long_waits.people, [NUMBER])])
def test_a_wait_that_nothing_can_end_fails_with_the_reason(run, voiceinfra, make):
    voiceinfra.store.pauses.pause(Scope.ALL, "", reason="wrong date", actor="ada")
    with pytest.raises(pytest.fail.Exception, match=r"Nothing can end this wait. Paused: all \(ada: wrong date\)"):
        run(make())


def test_a_list_that_is_throttled(run, voiceinfra):
    numbers = ["+12125550130", "+12125550131", "+12125550132"]
    state, _ = run(long_waits.people(numbers))
    assert state == "success"
    assert sorted(dial.to_number for dial in voiceinfra.dials) == numbers


def test_a_list_with_a_rate(run, voiceinfra):
    numbers = [f"+1212555{1000 + index}" for index in range(10)]
    state, took = run(long_waits.people(numbers, calls_per_second=0.01))
    assert state == "success"
    assert took.total_seconds() == about(timedelta(seconds=900))
    assert sorted(dial.to_number for dial in voiceinfra.dials) == numbers


def test_an_error_of_what_the_test_does_ends_it(run, voiceinfra):
    voiceinfra.after(HOUR, lambda: voiceinfra.complete("no such call"))
    with pytest.raises(LookupError, match="There is no call 'no such call'"):
        run(long_waits.sensor("deferring"))


class Terminated(BaseException):
    """What the process does at SIGTERM."""


@pytest.fixture
def _handlers():
    def terminate(*_):
        raise Terminated

    ours = {signal.SIGTERM: terminate, signal.SIGINT: signal.default_int_handler}
    before = {number: signal.signal(number, handler) for number, handler in ours.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("_handlers")
@pytest.mark.parametrize(("number", "ends"), [(signal.SIGTERM, Terminated), (signal.SIGINT, KeyboardInterrupt)])
def test_a_signal_ends_the_test_and_not_only_the_task(run, voiceinfra, number, ends):
    with pytest.raises(ends):
        run(long_waits.interrupted(number))
    voiceinfra.after(HOUR, lambda: os.kill(os.getpid(), number))
    with pytest.raises(ends):
        run(long_waits.sensor("deferring"))
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_the_time_at_which_a_test_begins(run, voiceinfra):
    with pytest.raises(ValueError, match="has no time zone: write it like"):
        voiceinfra.set_now("2026-12-01T10:00")
    voiceinfra.set_now("2031-12-01T10:00-05:00")
    run(long_waits.one())
    [dial] = voiceinfra.dials
    assert dial.at.isoformat().startswith("2031-12-01T15:0")
    with pytest.raises(ValueError, match="call it before anything else"):
        voiceinfra.set_now("2026-12-01T10:00-05:00")
