"""DAGs of the tests: one call, asked for in each way that the operator knows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, task

from airflow_provider_voiceinfra.calls.redial import Redial
from airflow_provider_voiceinfra.hooks.voiceinfra import VoiceInfraHook
from airflow_provider_voiceinfra.operators.outbound_call import OutboundCallOperator
from airflow_provider_voiceinfra.sensors.call_completion import CallCompletionSensor

NUMBER = "+12125550100"


def call(to_number: str = NUMBER, **options: Any) -> OutboundCallOperator:
    return OutboundCallOperator(task_id="call", to_number=to_number, **options)


def plain(**fields: Any) -> None:
    call(**fields)


def deferring(**fields: Any) -> None:
    call(wait_for_completion=True, deferrable=True, completion_fields=["summary", "extracted"], **fields)


def blocking(**fields: Any) -> None:
    call(wait_for_completion=True, deferrable=False, completion_fields=["summary", "extracted"], **fields)


def particular(**fields: Any) -> None:
    call(wait_for_completion=True, deferrable=True, fail_on_outcomes=["voicemail", "failed"], **fields)


def then_poke(**fields: Any) -> None:
    CallCompletionSensor(
        task_id="wait", call_id=call(**fields).output, poke_interval=0.1, completion_fields=["transcript"]
    )


def then_defer(end_from_trigger: bool | None = None, **fields: Any) -> None:
    CallCompletionSensor(
        task_id="wait",
        call_id=call(**fields).output,
        deferrable=True,
        fail_on_outcomes=["failed"],
        end_from_trigger=end_from_trigger,
    )


def many(line: str = "0100", **fields: Any) -> None:
    people = [{"to_number": f"+1{area}555{line}", "variables": {"name": f"Person {area}"}} for area in (212, 310, 415)]
    calls = OutboundCallOperator.partial(task_id="call", **fields).expand_kwargs(people)
    CallCompletionSensor(task_id="wait", call_id=calls.output, deferrable=True)


def redialling(**fields: Any) -> None:
    call(redial=Redial(wait=timedelta(seconds=0.5)), deferrable=True, **fields)


def twice(**fields: Any) -> None:
    redial = Redial(wait=timedelta(0))
    OutboundCallOperator.partial(task_id="call", redial=redial, deferrable=True, **fields).expand_kwargs(
        [{"to_number": NUMBER}] * 2
    )


def by_hook() -> None:
    @task(task_id="call")
    def place_two() -> None:
        ours = VoiceInfraHook()
        for key in ("one", "two"):
            ours.place_call(idempotency_key=f"by-hook-{key}", to_number=NUMBER)

    place_two()


def native(**fields: Any) -> None:
    call(**fields)


WAYS: tuple[Callable[..., None], ...] = (
    plain,
    deferring,
    blocking,
    particular,
    then_poke,
    then_defer,
    many,
    redialling,
    twice,
    native,
    by_hook,
)


def make_dag(way: Callable[..., None], **fields: Any) -> DAG:
    """Make a DAG that calls in one of these ways."""
    with DAG(f"call_{way.__name__}", schedule=None, render_template_as_native_obj=way is native) as dag:
        way(**fields)
    return dag


for way in WAYS:
    globals()[way.__name__ + "_dag"] = make_dag(way)
