"""Calls whom a function names: ``@task.outbound_call`` for what templates cannot say.

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
    # Workers die, and Airflow at times fails a task that goes on after a wait: no retry calls anybody again.
    default_args={"retries": 2, "retry_delay": timedelta(seconds=10)},
    tags=["voiceinfra", "example"],
)
def example_say_whom_to_call():
    @task.outbound_call(wait_for_completion=True, deferrable=True, default_region="US")
    def tell_of_delay(params: dict[str, Any]) -> CallFields:
        # It may run again, in a retry: let it say the same, and do nothing else.
        order = params["order"]
        days = "a day" if order["late_days"] == 1 else f"{order['late_days']} days"
        return {
            "to_number": order["phone"],
            "first_message": f"Hello {order['name']}, your order will come {days} later. Do you still want it?",
            "metadata": {"order": order["id"]},
            # Another delay of the same order is another call.
            "idempotency_key": f"delay-{order['id']}-{order['late_days']}",
        }

    @task
    def cancel_if_asked_to(call_id: str) -> bool:
        call = VoiceInfraHook().get_call(call_id)
        return call.completion.extracted.get("cancel", False)

    cancel_if_asked_to(tell_of_delay())


example_say_whom_to_call()
