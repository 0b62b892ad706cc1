"""DAGs of the system tests: many calls at once, whose waits end in the triggerer, or each in a worker."""

from __future__ import annotations

import os
from typing import Any

from airflow.sdk import DAG

from airflow_provider_voiceinfra.operators.outbound_call import OutboundCallOperator

CALLS, SETTLE_TIME = 10, 10
# Their webhooks never come by themselves.
NUMBERS = {"many_waits": "+12315550164", "many_waits_with_a_worker": "+12345550164"}


def settle_as_by_default(context: Any) -> None:
    """Undo what this small Airflow sets: the test keeps the machine busy."""
    os.environ["AIRFLOW__VOICEINFRA__DEFERRAL_SETTLE_TIME"] = str(SETTLE_TIME)


for dag_id, number in NUMBERS.items():
    with DAG(dag_id, schedule=None, max_active_tasks=CALLS, default_args={"retries": 0}) as dag:
        OutboundCallOperator.partial(
            task_id="call",
            wait_for_completion=True,
            deferrable=True,
            end_from_trigger=False if "worker" in dag_id else None,
            pre_execute=settle_as_by_default,
        ).expand_kwargs(
            [
                # One person may be called once per task, unless the calls have names of their own.
                {"to_number": number, "idempotency_key": f"{{{{ run_id }}}} {dag_id} {index}"}
                for index in range(CALLS)
            ]
        )
    globals()[dag_id] = dag
