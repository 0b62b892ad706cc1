"""The same people are called by Airflow's HttpOperator and by this package, each with the same retries."""

from __future__ import annotations

import json
from datetime import timedelta

from airflow.providers.http.operators.http import HttpOperator
from airflow.sdk import DAG

from airflow_provider_voiceinfra.operators.outbound_call import OutboundCallOperator
from airflow_provider_voiceinfra.sandbox import SCENARIOS

OURS, THEIRS = ([f"+1{area}55501{scenario.code}" for scenario in SCENARIOS] for area in (201, 202))

with DAG("faulty", schedule=None, default_args={"retries": 2, "retry_delay": timedelta(seconds=1)}):
    OutboundCallOperator.partial(task_id="ours").expand(to_number=OURS)
    HttpOperator.partial(
        task_id="theirs",
        http_conn_id="sandbox",
        method="POST",
        endpoint="calls/outbound",
        headers={"Content-Type": "application/json", "X-API-Key": "sandbox-key"},
        extra_options={"timeout": 10},
    ).expand(
        data=[
            json.dumps({"agent_id": "agent_sandbox", "from_number": "+14155550199", "to_number": number})
            for number in THEIRS
        ]
    )
