"""Links from a task instance to the Calls page.

The API server makes them when a task instance is shown, so they exist while a task waits, and need no XCom of their
own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from airflow.sdk import BaseOperatorLink

from airflow_provider_voiceinfra.compat import read_rendered_field, read_run_names, read_xcom
from airflow_provider_voiceinfra.decorators.outbound_call import OutboundCallDecoratedOperator
from airflow_provider_voiceinfra.links import call_page, list_page
from airflow_provider_voiceinfra.operators.call_list import OutboundCallListOperator
from airflow_provider_voiceinfra.operators.outbound_call import OutboundCallOperator
from airflow_provider_voiceinfra.sensors.call_completion import CallCompletionSensor

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey


class CallLink(BaseOperatorLink):
    """Links to the call that a task has placed or a sensor waits for; for many calls, to those of the run."""

    name = "Call"
    # By Airflow's rule, of exactly these classes.
    operators: ClassVar[list[type[BaseOperator]]] = [
        OutboundCallOperator,
        OutboundCallDecoratedOperator,
        CallCompletionSensor,
    ]

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002
        """Return the path of the call's page; empty if there is no call yet."""
        call_id, waited_for = read_xcom(ti_key, "call_id"), read_rendered_field(ti_key, "call_id")
        runs = read_run_names(ti_key.dag_id, ti_key.run_id)
        return call_page(call_id, waited_for, ti_key.dag_id, runs, ti_key.task_id, ti_key.map_index)


class CallListLink(BaseOperatorLink):
    """Links to the call list of a task."""

    name = "Call list"
    operators: ClassVar[list[type[BaseOperator]]] = [OutboundCallListOperator]

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002
        """Return the path of the list's page; empty if no row was imported yet."""
        return list_page(read_xcom(ti_key, "list_id"))
