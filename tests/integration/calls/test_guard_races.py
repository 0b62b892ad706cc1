"""Many processes dial at once, and no rule of the guard is broken by one call."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from time import sleep

import pytest
import requests

from airflow_provider_voiceinfra.calls.call_intent import CallIntent
from airflow_provider_voiceinfra.calls.dialing import Dialer
from airflow_provider_voiceinfra.calls.keys import own_key
from airflow_provider_voiceinfra.calls.request import CallRequest
from airflow_provider_voiceinfra.guard.calling_hours import WEEKDAYS, CallingHours
from airflow_provider_voiceinfra.guard.constraints import CallConstraints
from airflow_provider_voiceinfra.guard.errors import CallPausedError, GuardError
from airflow_provider_voiceinfra.guard.limits import Limits
from airflow_provider_voiceinfra.sandbox import Sandbox
from airflow_provider_voiceinfra.store.guard.pauses import Scope
from airflow_provider_voiceinfra.store.guard.rules import Cap
from airflow_provider_voiceinfra.store.models import Source
from airflow_provider_voiceinfra.store.reads.call_filter import CallFilter
from tests.support.call_samples import account
from tests.support.race import PATIENCE, in_processes
from tests.support.store_samples import deliver

PROCESSES, CALLS = 10, 8


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """Let many processes wait for each other on a busy machine."""
    monkeypatch.setattr("airflow_provider_voiceinfra.store.sqlite.LOCK_TIMEOUT", PATIENCE)


@pytest.fixture
def sandbox():
    """A VoiceInfra whose calls never end."""
    with Sandbox(delay=None) as sandbox:
        yield sandbox


def number(process, call):
    area = (201, 202, 203, 205, 206, 207, 208, 209)[call]
    return f"+1{area}555{1000 + process:04}"


def dialer(store, sandbox, limits):
    return Dialer(store, account(f"{sandbox.url}", api_key="sandbox-key", agent_id="agent_sandbox", limits=limits))


def place(dialer, key, to_number, list_id=None, **constraints):
    """Place a call; gives the rule that denies it, or nothing."""
    request = CallRequest.build(account(agent_id="agent_sandbox"), to_number=to_number)
    when = CallConstraints(**constraints)
    intent = CallIntent(own_key(key, to_number=to_number), request, Source(), constraints=when, list_id=list_id)
    try:
        dialer.place(intent)
    except GuardError as error:
        return str(error.rule)
    return ""


def everybody_dials(open_store, sandbox, limits, to_number=number):
    """Let all processes dial; counts what the guard said."""

    def dial(process):
        ours = dialer(open_store(), sandbox, limits)
        return [place(ours, f"{process}/{call}", to_number(process, call)) for call in range(CALLS)]

    return Counter(rule for rules in in_processes(PROCESSES, dial) for rule in rules)


def test_never_more_calls_at_a_time_than_the_connection_may(open_store, sandbox):
    said = everybody_dials(open_store, sandbox, Limits(max_in_flight=7))
    assert said == {"": 7, "max_in_flight": PROCESSES * CALLS - 7}
    assert len(sandbox.dials) == 7


def test_never_more_calls_a_day_than_the_connection_may(open_store, sandbox):
    said = everybody_dials(open_store, sandbox, Limits(max_calls_per_day=33))
    assert said == {"": 33, "max_calls_per_day": PROCESSES * CALLS - 33}
    assert len(sandbox.dials) == 33


def test_calls_in_progress_are_never_estimated_to_talk_longer_than_connection_and_list_may(open_store, sandbox):
    """Two minutes each, because the agent has no history: a list of half of the calls has six of the fourteen."""

    def dial(process):
        ours = dialer(open_store(), sandbox, Limits(max_minutes_per_day=14))
        of_list = [{}, {"list_id": "vl_1", "max_minutes": 6}]
        return [place(ours, f"{process}/{call}", number(process, call), **of_list[call % 2]) for call in range(CALLS)]

    said = [rule for rules in in_processes(PROCESSES, dial) for rule in rules]
    assert said.count("") == 7
    assert set(said) <= {"", "max_minutes_per_day", "max_minutes"}
    assert len(sandbox.dials) == 7
    assert len(list(open_store().calls.iterate(CallFilter(list_id="vl_1", state="queued")))) <= 3


def test_no_more_minutes_a_day_are_talked_than_the_connection_may_but_for_calls_in_progress(open_store, sandbox):
    """Every call talks longer than estimated."""
    minutes, talks = 60, 300

    def dial(process):
        store = open_store()
        ours, placed = dialer(store, sandbox, Limits(max_minutes_per_day=minutes)), 0
        while not place(ours, f"{process}/{placed}", callee := f"+1201555{process:02}{placed:02}"):
            placed += 1
            [call] = [each for each in store.calls.iterate(CallFilter(state="queued")) if each.to_number == callee]
            deliver(store, call.call_id, to_number=callee, duration_seconds=talks)
        return placed * talks

    talked = sum(in_processes(PROCESSES, dial))
    assert 60 * minutes <= talked <= 60 * minutes + PROCESSES * talks


def test_no_number_is_called_more_often_than_its_cap(open_store, sandbox):
    limits = Limits(max_calls_per_number=(Cap(2, timedelta(hours=1)), Cap(3, timedelta(days=1))))
    said = everybody_dials(open_store, sandbox, limits, lambda process, call: number(process % 2, call))
    assert said == {"": 4 * CALLS, "max_calls_per_number": (PROCESSES - 4) * CALLS}
    assert set(Counter(dial.to_number for dial in sandbox.dials).values()) == {2}


def test_no_two_posts_have_the_same_send_slot(open_store, sandbox):
    """How a slot is kept at the wire is tested at the socket."""
    limits = Limits(calls_per_second=40)

    def dial(process):
        store, slots = open_store(), []
        request_permit = store.claims.request_permit

        def noting(*asked):
            result = request_permit(*asked)
            if result.permit:
                slot = result.permit.slot
                slots.append((slot.send_at.timestamp(), slot.send_by.timestamp()))
            return result

        store.claims.request_permit = noting
        while place(dialer(store, sandbox, limits), str(process), number(process, 0)):
            # Its slot would have been too far ahead, on a busy machine.
            sleep(0.1)
        return slots

    slots = sorted({slot for taken in in_processes(PROCESSES, dial) for slot in taken})
    assert len(slots) >= PROCESSES
    for (_, over), (begin, _) in pairwise(slots):
        # But for the rounding of times.
        assert begin - over >= -0.00001
    assert len(sandbox.dials) == PROCESSES


def test_a_pause_stops_them_between_two_posts(open_store, sandbox):
    store = open_store()

    def dial(process):
        if process == 0:
            while len(sandbox_dials()) < PROCESSES:
                sleep(0.01)
            store.pauses.pause(Scope.ALL, "", reason="wrong date", actor="ada")
            return len(sandbox_dials())
        ours, call = dialer(open_store(), sandbox, Limits()), 0
        while not (said := place(ours, f"{process}/{call}", f"+1201555{process:02}{call:02}")):
            call += 1
        return said

    def sandbox_dials():
        return requests.get(f"{sandbox.url.removesuffix('/v1')}/sandbox/dials", timeout=120).json()

    said = in_processes(PROCESSES, dial)
    [when_it_returned] = [each for each in said if each != "paused"]
    assert len(sandbox.dials) == when_it_returned


def test_the_error_of_a_pause_names_who_paused_and_the_reason(open_store, sandbox):
    store = open_store()
    store.pauses.pause(Scope.AGENT, "agent_sandbox", reason="it says the wrong date", actor="ada")
    request = CallRequest.build(account(agent_id="agent_sandbox"), to_number=number(0, 0))
    intent = CallIntent(own_key("one", to_number=request.to_number), request, Source())
    with pytest.raises(CallPausedError, match=r"agent agent_sandbox is paused \(ada: it says the wrong date\)"):
        dialer(store, sandbox, Limits()).place(intent)


def test_hours_that_never_open_together_are_no_reason_to_wait(open_store, sandbox):
    morning, evening = (CallingHours(time(start), time(start + 2), WEEKDAYS) for start in (9, 17))
    ours = dialer(open_store(), sandbox, Limits(calling_hours=morning))
    assert place(ours, "one", number(0, 0), calling_hours=evening, timezone="UTC") == "timezone"


def test_hours_of_the_connection_apply_whatever_the_dag_says(open_store, sandbox):
    always = CallingHours(time.min, time.max, WEEKDAYS)
    another_day = CallingHours(time.min, time.max, [WEEKDAYS[(datetime.now(UTC).weekday() + 3) % 7]])
    for of_connection, of_dag, said in (
        (another_day, always, "calling_hours"),
        (always, another_day, "calling_hours"),
        (always, always, ""),
    ):
        ours = dialer(open_store(), sandbox, Limits(calling_hours=of_connection))
        assert place(ours, "one", number(0, 0), calling_hours=of_dag, timezone="UTC") == said
