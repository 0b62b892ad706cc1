"""A DAG is serialized alike by every process: another text would be another version of the DAG."""

from __future__ import annotations

import os
import subprocess
import sys

PARSE = """
import json
from airflow.sdk import DAG
from airflow.serialization.serialized_objects import DagSerialization
from airflow_provider_voiceinfra.operators.call_list import OutboundCallListOperator
from airflow_provider_voiceinfra.operators.outbound_call import OutboundCallOperator
from airflow_provider_voiceinfra.policies import CallingHours, Redial, CircuitBreaker
from airflow_provider_voiceinfra.sensors.call_completion import CallCompletionSensor
from airflow_provider_voiceinfra.transfers.calls_to_sql import CallsToSqlOperator

fields = {"summary", "transcript", "extracted", "recording_url"}
policies = {
    "redial": Redial(outcomes={"voicemail", "failed", "answered"}),
    "calling_hours": CallingHours(days={"mon", "tue", "wed", "thu", "fri", "sat"}),
}
with DAG("sets", schedule=None) as dag:
    call = OutboundCallOperator(
        task_id="call", to_number="+14155550100", fail_on_outcomes={"voicemail", "failed"}, completion_fields=fields,
        **policies,
    )
    OutboundCallOperator.partial(
        task_id="mapped", fail_on_outcomes={"voicemail", "failed"}, completion_fields=fields, **policies
    ).expand(to_number=["+14155550100"])
    CallCompletionSensor(task_id="wait", call_id=call.output, completion_fields=fields)
    OutboundCallListOperator(task_id="list", calls=[], variable_columns=fields, metadata_columns=fields, **policies)
    OutboundCallListOperator.partial(
        task_id="lists", variable_columns=fields, metadata_columns=fields, circuit_breaker=CircuitBreaker(), **policies
    ).expand(calls=[[]])
    CallsToSqlOperator(task_id="write", since="2026-01-01", sql_conn_id="x", table="x", completion_fields=fields)
serialized = DagSerialization.to_dict(dag)
print(json.dumps(serialized, sort_keys=True).replace("\\n", ""))
"""


def test_a_dag_with_sets_is_serialized_alike_whatever_the_hash_seed():
    texts = set()
    for seed in ("1", "2", "3"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run(
            [sys.executable, "-c", PARSE], check=True, capture_output=True, text=True, env=environment
        )
        texts.add(done.stdout.splitlines()[-1])
    [text] = texts
    assert "voicemail" in text
