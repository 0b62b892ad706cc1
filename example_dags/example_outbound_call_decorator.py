"""Place the call that a function returns: ``@task.outbound_call``, for logic that templates cannot express.

The function returns the fields of the call; the task places it, at most once, and waits for its end. Needs the
connection ``voiceinfra_default``.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import Param, dag, task

from airflow_provider_voiceinfra.decorators.outbound_call import CallFields
from airflow_provider_voiceinfra.hooks.voiceinfra import VoiceInfraHook


@dag(
    schedule=None,
    params={
        "order": Param({"id": 4711, "phone": "+14155550100", "name": "Sarah", "late_days": 3}, type="object"),
    },
    # Workers die, and Airflow sometimes fails a task that resumes after a wait. A retry calls nobody again.
    default_args={"retries": 2, "retry_delay": timedelta(seconds=10)},
    tags=["voiceinfra", "example"],
)
def example_outbound_call_decorator():
    @task.outbound_call(wait_for_completion=True, deferrable=True, default_region="US")
    def announce_delay(params: dict[str, Any]) -> CallFields:
        # It may run again, in a retry: it must return the same values, and must have no side effects.
        order = params["order"]
        days = "a day" if order["late_days"] == 1 else f"{order['late_days']} days"
        return {
            "to_number": order["phone"],
            "first_message": f"Hello {order['name']}, your order will come {days} later. Do you still want it?",
            "metadata": {"order": order["id"]},
            # A different delay of the same order is a separate call.
            "idempotency_key": f"delay-{order['id']}-{order['late_days']}",
        }

    @task
    def is_cancelled(call_id: str) -> bool:
        call = VoiceInfraHook().get_call(call_id)
        return call.completion.extracted.get("cancel", False)

    is_cancelled(announce_delay())


example_outbound_call_decorator()
