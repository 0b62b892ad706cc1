"""Links from tasks to the Calls page, also from tasks of users' own subclasses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlencode

from airflow.sdk import BaseOperator, BaseOperatorLink

from airflow_provider_voiceinfra.context import task_source
from airflow_provider_voiceinfra.paths import calls_path

if TYPE_CHECKING:
    from airflow.sdk.types import TaskInstanceKey

    from airflow_provider_voiceinfra.store.call_store import CallStore

_OWN_CLASSES = "airflow_provider_voiceinfra."


class LinkedOperator(BaseOperator):
    """Gives users' subclasses a link to the Calls page.

    The package's own classes have theirs from its plugin, where Airflow looks links up by the name of the class. Those
    of a subclass are XComs, which Airflow writes when a worker ends the task or defers it.
    """

    page_link: ClassVar[BaseOperatorLink]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if not cls.__module__.startswith(_OWN_CLASSES):
            others = [link for link in cls.operator_extra_links if link.name != cls.page_link.name]
            cls.operator_extra_links = (*others, cls.page_link)


class CallPageLink(BaseOperatorLink):
    """Links to the call that a task has placed or waits for."""

    name = "Call"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the path of the call's page; empty if there is no call yet."""
        ti: Any = ti_key  # In a worker, Airflow passes the task instance itself.
        source, waited_for = task_source(ti.get_template_context()), getattr(operator, "call_id", None)
        runs = (ti.run_id, source.logical_run or ti.run_id)
        return call_page(_pull(ti, "call_id"), waited_for, ti.dag_id, runs, ti.task_id, source.map_index)


class CallListPageLink(BaseOperatorLink):
    """Links to the call list of a task."""

    name = "Call list"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002
        """Return the path of the list's page; empty if no row was imported yet."""
        return list_page(_pull(ti_key, "list_id"))


def call_page(call_id: Any, waited_for: Any, dag_id: str, runs: tuple[str, ...], task_id: str, map_index: int) -> str:
    """Return the path of the page of a task's call, or of its run's calls if it waits for many; empty for none.

    :param waited_for: the rendered ``call_id`` of a sensor.
    :param runs: identifiers of the task's run in the call store, its run id first.
    """
    from airflow_provider_voiceinfra.config import call_store
    from airflow_provider_voiceinfra.store.errors import StoreError

    try:
        store = call_store()
        ref = _ref(store, call_id or waited_for) or store.pages.ref_of_task(dag_id, runs, task_id, map_index)
    except StoreError:
        # The page shows what is wrong with the store.
        return f"{calls_path()}/"
    if ref:
        return f"{calls_path()}/{ref}"
    # Airflow renders a long sequence of call ids only in part.
    return f"{calls_path()}/?{urlencode({'dag': dag_id, 'run': runs[0]})}" if waited_for else ""


def list_page(list_id: str | None) -> str:
    """Return the path of a list's page; empty for no list."""
    return f"{calls_path()}/lists/{list_id}" if list_id else ""


def _pull(ti: Any, key: str) -> Any:
    """Return an XCom that a running task has pushed itself."""
    return ti.xcom_pull(task_ids=ti.task_id, key=key, map_indexes=ti.map_index)


def _ref(store: CallStore, call_id: Any) -> str | None:
    call = store.calls.get(call_id) if isinstance(call_id, str) else None
    return None if call is None else call.ref
