"""What a task does when the guard does not let its call be dialled, in DAGs under ``dag.test()``."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from airflow.sdk import DAG

from airflow_provider_voiceinfra.calls.redial import Redial
from airflow_provider_voiceinfra.guard.errors import CallTooEarlyError, NumberLimitError
from airflow_provider_voiceinfra.hooks.voiceinfra import VoiceInfraHook
from airflow_provider_voiceinfra.operators.outbound_call import OutboundCallOperator
from airflow_provider_voiceinfra.store.guard.pauses import Scope
from tests.dags import one_call

NUMBER = one_call.NUMBER


def task_state(run):
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        return session.scalar(select(TaskInstance.state).filter_by(dag_id=run.dag_id, run_id=run.run_id))


def states(voiceinfra):
    return [str(call.state) for call in voiceinfra.store.calls.iterate()]


@pytest.mark.parametrize(
    ("extra", "fields", "ends", "state", "says"),
    [
        ({"allowed_numbers": "+14155550123"}, {}, "failed", "not_allowed", "not among the allowed_numbers"),
        ({"calling_hours": "mon-sun 00:00-23:59"}, {"to_number": "+18005550100"}, "failed", "no_timezone",
         "give the call a timezone"),
        ({}, {"not_after": "2026-01-01T00:00+00:00"}, "skipped", "expired", "It expired"),
        ({}, {"not_after": "{{ macros.datetime.now(macros.dateutil.tz.UTC).isoformat() }}"},
         "skipped", "expired", "It expired"),
    ],
)  # fmt: skip
def test_a_refusal_is_one_sentence_and_a_state_of_its_own(
    run_dag, voiceinfra, limits, capfd, extra, fields, ends, state, says
):
    limits(**extra)
    run = run_dag(one_call.plain, **fields)
    assert task_state(run) == ends
    assert states(voiceinfra) == [state]
    assert says in "".join(capfd.readouterr())
    assert not voiceinfra.dials


def test_who_does_not_want_to_be_called_is_skipped(run_dag, voiceinfra, capfd):
    voiceinfra.store.do_not_call.add([NUMBER], actor="ada", reason="asked")
    run = run_dag(one_call.plain)
    assert task_state(run) == "skipped"
    assert "on the do-not-call list" in "".join(capfd.readouterr())
    assert not voiceinfra.dials


@pytest.mark.parametrize("of", ["connection", "operator", "hook"])
def test_a_call_over_the_cap_of_its_number_waits_or_expires(run_dag, voiceinfra, limits, of):
    run_dag(one_call.plain, idempotency_key="one")
    cap = {"max_calls_per_number": "1/24h, 3/7d"}
    if of == "connection":
        limits(**cap)
    soon = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    if of == "hook":
        with pytest.raises(NumberLimitError, match=r"called 1 times within 1 day, 0:00:00, as often as max_calls_per"):
            VoiceInfraHook().place_call(idempotency_key="two", to_number=NUMBER, **cap)
    else:
        run = run_dag(one_call.plain, idempotency_key="two", not_after=soon, **(cap if of == "operator" else {}))
        assert task_state(run) == "skipped"
        assert states(voiceinfra) == ["expired", "completed"]
    assert len(voiceinfra.dials) == 1


def test_nobody_is_called_before_not_before(run_dag, voiceinfra):
    tomorrow = datetime.now(UTC).date() + timedelta(days=2)
    with pytest.raises(CallTooEarlyError, match="may be placed at"):
        VoiceInfraHook().place_call(idempotency_key="two", to_number=NUMBER, not_before=tomorrow)
    assert run_dag(one_call.plain, not_before=tomorrow.isoformat()).state == "success"
    [dial] = voiceinfra.dials
    assert dial.at >= datetime.combine(tomorrow, datetime.min.time(), ZoneInfo("America/New_York"))


@pytest.mark.parametrize(
    "extra",
    [
        {"calling_hours": "9-19"},
        {"calling_hours": "mon-fri 09:00-19:00 Mars"},
        {"max_calls_per_day": "many"},
        {"max_in_flight": "-1"},
        {"max_minutes_per_day": "1.5"},
        {"calls_per_second": "0"},
        {"max_calls_per_number": "1/day"},
        {"allowed_numbers": "+1415"},
    ],
)
def test_a_limit_that_cannot_be_read_stops_every_call(run_dag, voiceinfra, limits, capfd, extra):
    limits(**extra)
    assert run_dag(one_call.plain).state == "failed"
    [name] = extra
    assert f"{name} of connection 'voiceinfra_default' cannot be read" in "".join(capfd.readouterr())
    assert not voiceinfra.dials


@pytest.mark.parametrize(
    ("wish", "says"),
    [
        ({"timezone": "{{ 'Mars' }}"}, "timezone is not a time zone"),
        ({"not_after": "{{ 'soon' }}"}, "not_after is not a time: write it like"),
        ({"not_before": "{{ '2026-11-23T15:00Z' }}", "not_after": "2026-11-23T15:00Z"}, "could never be placed"),
        ({"not_after": "{{ '2026-11-23T15:00' }}"}, "not_after has no time zone"),
    ],
)
def test_wishes_that_cannot_be_understood_call_nobody(run_dag, voiceinfra, capfd, wish, says):
    assert run_dag(one_call.plain, **wish).state == "failed"
    assert says in "".join(capfd.readouterr())
    assert not voiceinfra.dials


def test_a_task_that_meets_a_pause_waits_and_goes_on_when_it_ends(run_dag, voiceinfra, meanwhile, capfd):
    store = voiceinfra.store
    store.pauses.pause(Scope.DAG, "call_deferring", reason="wrong date", actor="ada")
    meanwhile(
        lambda: states(voiceinfra) == ["waiting"],
        lambda: store.pauses.resume(Scope.DAG, "call_deferring", actor="bob"),
    )
    run = run_dag(one_call.deferring)
    assert run.state == "success"
    assert run.xcom("call", "completion")["call_outcome"] == "answered"
    assert len(voiceinfra.dials) == 1
    assert "dag call_deferring is paused (ada: wrong date)" in "".join(capfd.readouterr())


def test_or_is_skipped_where_it_was_cancelled(run_dag, voiceinfra, meanwhile, capfd):
    store = voiceinfra.store
    store.pauses.pause(Scope.ALL, "", reason="wrong date", actor="ada")
    meanwhile(
        lambda: states(voiceinfra) == ["waiting"],
        lambda: store.pauses.resume(Scope.ALL, "", actor="bob", cancel=True),
    )
    assert task_state(run_dag(one_call.plain)) == "skipped"
    assert states(voiceinfra) == ["cancelled"]
    assert "was cancelled when the pause ended" in "".join(capfd.readouterr())
    assert not voiceinfra.dials


def test_a_task_outside_calling_hours_waits_until_they_open(run_dag, voiceinfra):
    voiceinfra.set_now("2026-12-01T18:00+00:00")
    run = run_dag(one_call.plain, calling_hours="mon-fri 09:00-12:00,14:00-17:00", timezone="UTC")
    assert run.state == "success"
    [dial] = voiceinfra.dials
    assert dial.at >= datetime(2026, 12, 2, 9, tzinfo=UTC)
    assert [event.kind for event in voiceinfra.store.calls.history(1)][:2] == ["waiting", "claimed"]


def test_who_is_not_reached_is_called_again_each_time_under_a_key_of_its_own(run_dag, voiceinfra, limits):
    limits(max_calls_per_number="3/24h")
    voiceinfra.outcome(NUMBER, "voicemail")
    run = run_dag(one_call.redialling)
    assert run.state == "success"
    calls = list(voiceinfra.store.calls.iterate())
    assert [call.attempt for call in calls] == [3, 2, 1]
    assert len({call.ref for call in calls}) == len(voiceinfra.dials) == 3
    assert run.xcom("call") == calls[0].call_id
    assert run.xcom("call", "completion")["call_outcome"] == "voicemail"


def test_who_is_reached_is_not_called_again(run_dag, voiceinfra, meanwhile):
    voiceinfra.outcome(NUMBER, "voicemail")
    meanwhile(lambda: states(voiceinfra) == ["completed"], lambda: voiceinfra.outcome(NUMBER, "answered"))
    run = run_dag(one_call.redialling)
    outcomes = [call.completion.outcome for call in voiceinfra.store.calls.iterate()]
    assert (outcomes[0], outcomes[-1]) == ("answered", "voicemail")
    assert run.xcom("call", "completion")["call_outcome"] == "answered"


def test_an_outcome_that_fails_the_task_does_so_after_the_last_attempt(run_dag, voiceinfra):
    voiceinfra.outcome(NUMBER, "failed")
    run = run_dag(one_call.redialling, fail_on_outcomes=["failed"])
    assert run.state == "failed"
    assert len(voiceinfra.dials) == 3


def test_an_unknown_call_is_not_dialled_again(run_dag, voiceinfra):
    run_dag(one_call.redialling, completion_timeout=timedelta(seconds=1), to_number="+12125550111")
    assert states(voiceinfra) == ["unknown"]


def test_a_redial_that_is_refused_ends_with_the_call_before_it(run_dag, voiceinfra, meanwhile):
    voiceinfra.outcome(NUMBER, "voicemail")
    meanwhile(lambda: voiceinfra.dials, lambda: voiceinfra.store.do_not_call.add([NUMBER], actor="ada", reason="asked"))
    run = run_dag(one_call.redialling)
    assert run.state == "success"
    assert len(voiceinfra.dials) == 1
    assert run.xcom("call") == voiceinfra.dials[0].call_id


def test_two_map_indexes_that_share_a_call_do_not_redial_each_for_itself(run_dag, voiceinfra):
    voiceinfra.outcome(NUMBER, "voicemail")
    run = run_dag(one_call.twice)
    assert run.state == "success"
    assert len(voiceinfra.dials) in {1, 2, 3}
    assert len({call.source.map_index for call in voiceinfra.store.calls.iterate()}) == 1
    assert run.xcom("call", map_index=0)
    assert run.xcom("call", map_index=1)


def test_the_hook_passes_the_guard_too(voiceinfra, limits):
    from airflow_provider_voiceinfra.guard.errors import CallPausedError, DayLimitError, DoNotCallError

    limits(max_calls_per_day="1")
    hook = VoiceInfraHook()
    hook.place_call(idempotency_key="one", to_number=NUMBER)
    with pytest.raises(DayLimitError, match=r"1 calls of today \(max_calls_per_day\); the next day begins at"):
        hook.place_call(idempotency_key="two", to_number="+12125550103")
    voiceinfra.store.do_not_call.add(["+12125550104"], actor="ada", reason="asked")
    with pytest.raises(DoNotCallError, match="Call vc_"):
        hook.place_call(idempotency_key="three", to_number="+12125550104")
    voiceinfra.store.pauses.pause(Scope.ALL, "", reason="wrong date", actor="ada")
    with pytest.raises(CallPausedError, match="everything is paused"):
        hook.place_call(idempotency_key="four", to_number="+12125550105")


def test_minutes_of_a_day_are_the_hooks_too(voiceinfra, limits):
    from airflow_provider_voiceinfra.guard.errors import MinutesLimitError

    limits(max_minutes_per_day="2")
    hook = VoiceInfraHook()
    # One that never ends.
    hook.place_call(idempotency_key="one", to_number="+12125550164")
    with pytest.raises(MinutesLimitError, match=r"their 2 minutes of today \(max_minutes_per_day\).* again at \d{4}-"):
        hook.place_call(idempotency_key="two", to_number="+12125550103")


def test_redial_and_hours_are_checked_when_the_dag_is_parsed():
    for wrong in ({"outcomes": ["busy"]}, {"outcomes": "failed"}, {"attempts": 1}, {"wait": timedelta(-1)}):
        with pytest.raises((TypeError, ValueError), match="must"):
            Redial(**wrong)
    with DAG("parsed", schedule=None):
        assert OutboundCallOperator(task_id="call", to_number=NUMBER, redial=Redial()).wait_for_completion
