"""What a list is measured beside: a task of Airflow's own for each call."""

from __future__ import annotations

import json

from airflow.providers.http.operators.http import HttpOperator
from airflow.sdk import DAG

CALLS = 200

with DAG("mapped", schedule=None, max_active_tasks=50):
    HttpOperator.partial(
        task_id="call",
        http_conn_id="sandbox",
        endpoint="/calls/outbound",
        headers={"X-API-Key": "sandbox-key", "Content-Type": "application/json"},
    ).expand(
        data=[
            json.dumps(
                {"agent_id": "agent_sandbox", "from_number": "+14155550199", "to_number": f"+1212{3_000_000 + row}"}
            )
            for row in range(CALLS)
        ]
    )
