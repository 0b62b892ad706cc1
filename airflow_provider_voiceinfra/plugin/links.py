"""Links from a task instance to the Calls page.

The API server makes them when a task instance is shown, so they exist while a task waits, and need no XCom of their
own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlencode

from airflow.sdk import BaseOperatorLink

from airflow_provider_voiceinfra.compat import read_rendered_field, read_xcom
from airflow_provider_voiceinfra.operators.call_list import OutboundCallListOperator
from airflow_provider_voiceinfra.operators.outbound_call import OutboundCallOperator
from airflow_provider_voiceinfra.plugin.paths import calls_path
from airflow_provider_voiceinfra.sensors.call_completion import CallCompletionSensor

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey

    from airflow_provider_voiceinfra.store.call_store import CallStore


class CallLink(BaseOperatorLink):
    """Links to the call that a task has placed or a sensor waits for; for many calls, to those of the run."""

    name = "Call"
    operators: ClassVar[list[type[BaseOperator]]] = [OutboundCallOperator, CallCompletionSensor]

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002
        """Give the link, which names the call's ref; empty if there is no call yet."""
        from airflow_provider_voiceinfra.config import call_store
        from airflow_provider_voiceinfra.store.errors import StoreError

        call_id, waited_for = read_xcom(ti_key, "call_id"), read_rendered_field(ti_key, "call_id")
        try:
            ref = _ref(call_store(), call_id or waited_for) or call_store().pages.ref_of_task(*_task(ti_key))
        except StoreError:
            # The page shows what is wrong with the store.
            return f"{calls_path()}/"
        if ref:
            return f"{calls_path()}/{ref}"
        # Airflow renders a long sequence of call ids only in part.
        of_run = urlencode({"dag": ti_key.dag_id, "run": ti_key.run_id})
        return f"{calls_path()}/?{of_run}" if waited_for else ""


class CallListLink(BaseOperatorLink):
    """Links to the call list of a task."""

    name = "Call list"
    operators: ClassVar[list[type[BaseOperator]]] = [OutboundCallListOperator]

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002
        """Give the link, which names the list's id; empty if no row was imported yet."""
        list_id = read_xcom(ti_key, "list_id")
        return f"{calls_path()}/lists/{list_id}" if list_id else ""


def _ref(store: CallStore, call_id: Any) -> str | None:
    call = store.calls.get(call_id) if isinstance(call_id, str) else None
    return None if call is None else call.ref


def _task(ti_key: TaskInstanceKey) -> tuple[str, tuple[str, ...], str, int]:
    """Give a task instance's names in the store."""
    from airflow_provider_voiceinfra.plugin.runs import names_of_run

    return ti_key.dag_id, names_of_run(ti_key.dag_id, ti_key.run_id), ti_key.task_id, ti_key.map_index
