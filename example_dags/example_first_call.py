"""Place one call, read the result, and decide: the shortest DAG that calls somebody.

Needs the connection ``voiceinfra_default`` and a webhook; ``make demo`` sets up both, without an account.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import Param, dag, task

from airflow_provider_voiceinfra.hooks.voiceinfra import VoiceInfraHook
from airflow_provider_voiceinfra.operators.outbound_call import OutboundCallOperator


@dag(
    schedule=None,
    params={"phone": Param("+14155550100", type="string")},
    # Workers die, and Airflow sometimes fails a task that resumes after a wait. A retry calls nobody again.
    default_args={"retries": 2, "retry_delay": timedelta(seconds=10)},
    tags=["voiceinfra", "example"],
)
def example_first_call():
    call = OutboundCallOperator(
        task_id="call",
        to_number="{{ params.phone }}",
        first_message="Hello, this is the clinic. Can you still come to your appointment tomorrow at ten?",
        variables={"name": "Sarah", "appointment": "tomorrow at 10:00"},
        wait_for_completion=True,
        deferrable=True,
    )

    @task
    def is_confirmed(call_id: str) -> bool:
        completion = VoiceInfraHook().get_call(call_id).completion
        # The transcript is in completion.transcript; keep it out of logs and XComs.
        return bool(completion.extracted.get("confirmed"))

    is_confirmed(call.output)


example_first_call()
