"""The shortest DAG that calls somebody: one call, what was said, and a decision.

Needs the connection ``voiceinfra_default`` and a webhook; `make demo` shows both without any account.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import Param, dag, task

from airflow_provider_voiceinfra.hooks.voiceinfra import VoiceInfraHook
from airflow_provider_voiceinfra.operators.outbound_call import OutboundCallOperator


@dag(
    schedule=None,
    params={"phone": Param("+14155550100", type="string")},
    # Workers die, and Airflow at times fails a task that goes on after a wait: no retry calls anybody again.
    default_args={"retries": 2, "retry_delay": timedelta(seconds=10)},
    tags=["voiceinfra", "example"],
)
def example_first_call():
    call = OutboundCallOperator(
        task_id="call",
        to_number="{{ params.phone }}",
        first_message="Hello, this is the clinic. Does your appointment tomorrow at ten still suit you?",
        variables={"name": "Sarah", "appointment": "tomorrow at 10:00"},
        wait_for_completion=True,
        deferrable=True,
    )

    @task
    def read_what_was_said(call_id: str) -> bool:
        completion = VoiceInfraHook().get_call(call_id).completion
        # The transcript is in completion.transcript; it is better kept out of logs and XComs.
        return bool(completion.extracted.get("confirmed"))

    read_what_was_said(call.output)


example_first_call()
