"""Everything that depends on Airflow's version or its private API.

The functions that read Airflow's metadata database are for the API server and the command line only: workers and
triggerers cannot reach it.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import jinja2
from airflow.sdk import BaseOperator
from airflow.sdk.definitions._internal.templater import Templater

if TYPE_CHECKING:
    from airflow.sdk import DAG, Connection, Context
    from airflow.sdk.types import TaskInstance, TaskInstanceKey

BASE_ARGUMENTS = frozenset(inspect.signature(BaseOperator.__init__).parameters) | {"_airflow_mapped_validation_only"}
"""The arguments that every operator takes."""


class RenderHookOperator(BaseOperator):
    """An operator that renders its template fields itself."""

    def render_fields(self, names: Iterable[str], context: Context) -> None:
        """Render these fields, and set them as attributes."""
        raise NotImplementedError

    def _do_render_template_fields(
        self,
        parent: Any,  # noqa: ARG002 - this task: Renderer renders other objects
        template_fields: Iterable[str],
        context: Context,
        jinja_env: jinja2.Environment,  # noqa: ARG002
        seen_oids: set[int],  # noqa: ARG002
    ) -> None:
        # Unlike render_template_fields, Airflow calls this for mapped tasks too.
        self.render_fields(template_fields, context)


class Renderer(Templater):
    """Renders a value as Airflow does, but does not log a template that fails.

    An expression in a native environment keeps its type, and strings stay strings: Airflow itself evaluates them, and
    turns ``+14155550100`` into an integer.

    :param extensions: suffixes of strings that name a file to read.
    """

    template_fields: Collection[str] = ()

    def __init__(self, extensions: Iterable[str] = ()) -> None:
        self.template_ext = tuple(extensions)

    def _render(self, template: jinja2.Template, context: Context, dag: DAG | None = None) -> Any:  # noqa: ARG002
        nodes: list[Any] = list(template.root_render_func(template.new_context(context)))  # type: ignore[arg-type]
        if len(nodes) == 1 and not isinstance(nodes[0], str | jinja2.Undefined):
            return nodes[0]
        return "".join(map(str, nodes))

    def _do_render_template_fields(
        self,
        parent: Any,
        template_fields: Iterable[str],
        context: Context,
        jinja_env: jinja2.Environment,
        seen_oids: set[int],
    ) -> None:
        """Render the fields of an object inside the value."""
        for name in template_fields:
            setattr(parent, name, self.render_template(getattr(parent, name), context, jinja_env, seen_oids))


class MappedArguments:
    """Distinguishes the arguments of a mapped task that the DAG file sets from those that came as data, by XCom.

    Airflow itself renders values that ``expand_kwargs`` took from an XCom as if they were in the DAG file.

    :param task: a task that Airflow made for one map index; other tasks have no data among their arguments.
    """

    def __init__(self, task: BaseOperator, context: Context) -> None:
        self._context = context
        dag = task.get_dag()
        mapped: Any = dag.task_dict.get(task.task_id) if dag else None
        self._input: Any = None
        if mapped is not None and mapped.is_mapped:
            self._input = mapped._get_specified_expand_input()
            groups = [each.default_args or {} for each in (dag, task.task_group) if each]
            self._given = [mapped.partial_kwargs, mapped.partial_kwargs.get("op_kwargs") or {}, *groups]

    def is_template(self, name: str, value: object) -> bool:
        """Return whether the value of an argument comes from the DAG file."""
        if not self._has_data or name in self._literals or any(given.get(name) is value for given in self._given):
            return True
        # Computed by the task's class, perhaps from data: safe to render where no data contains a template.
        return _has_brace(value) and name not in self._data and not _has_brace(self._data)

    @cached_property
    def _has_data(self) -> bool:
        given = self._input and self._input.value
        if isinstance(given, Mapping):
            return len(self._literals) < len(given)
        return _is_reference(given) or (bool(given) and _is_reference(given[self._context["ti"].map_index]))

    @cached_property
    def _literals(self) -> set[str]:
        """The arguments for which ``expand`` was given literal lists."""
        given = self._input.value
        return (
            {name for name, value in given.items() if not _is_reference(value)} if isinstance(given, Mapping) else set()
        )

    @cached_property
    def _data(self) -> Mapping[str, Any]:
        """The arguments that came by XCom; pulled again, and only when needed."""
        arguments, _ = self._input.resolve(self._context)
        return {name: value for name, value in arguments.items() if name not in self._literals}


def forget_arguments(task: BaseOperator) -> None:
    """Remove a running task's template fields from the constructor arguments that Airflow keeps.

    Older OpenLineage providers send those.
    """
    init_kwargs = vars(task).get("_BaseOperator__init_kwargs", {})
    # A new dict: copies of the task share the old one.
    kept = {name: value for name, value in init_kwargs.items() if name not in task.template_fields}
    object.__setattr__(task, "_BaseOperator__init_kwargs", kept)


def print_rows(rows: Sequence[Mapping[str, Any]], output: str) -> None:
    """Print rows as Airflow's own commands do.

    :param output: ``table``, ``json``, ``yaml`` or ``plain``.
    """
    from airflow.cli.simple_table import AirflowConsole
    from rich.markup import escape

    # A table takes brackets in a value for markup.
    shown = [{name: escape(str(cell)) for name, cell in row.items()} for row in rows] if output == "table" else rows
    AirflowConsole().print_as(shown, output)


def is_dag_test() -> bool:
    """Return whether this is ``dag.test()`` or ``airflow tasks test``, which run tasks and triggers in one process."""
    from airflow.sdk.execution_time import supervisor, task_runner

    return isinstance(getattr(task_runner, "SUPERVISOR_COMMS", None), supervisor.InProcessSupervisorComms)


def has_post_execute(task: BaseOperator) -> bool:
    """Return whether the user or a subclass runs something after ``execute``."""
    return task._post_execute_hook is not None or type(task).post_execute is not BaseOperator.post_execute


def has_listeners() -> bool:
    """Return whether a plugin listens to task instances, as OpenLineage's does: only a worker tells it of their end."""
    from airflow.sdk.listener import get_listener_manager

    return get_listener_manager().has_listeners


def push_xcoms(ti: TaskInstance, xcoms: Mapping[str, Any]) -> None:
    """Push XComs of a task instance from the triggerer, which has no ``xcom_push``."""
    from airflow.sdk.execution_time.xcom import XCom

    for key, value in xcoms.items():
        XCom.set(key, value, dag_id=ti.dag_id, task_id=ti.task_id, run_id=ti.run_id, map_index=ti.map_index)


def read_xcom(ti: TaskInstanceKey, key: str) -> Any:
    """Read an XCom from the metadata database, decoded if needed; None if there is none."""
    import sqlalchemy as sa
    from airflow.models.xcom import XComModel

    value = _scalar(sa.select(XComModel.value).filter_by(key=key, **_columns(ti)))
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return value


def read_rendered_field(ti: TaskInstanceKey, name: str) -> Any:
    """Read a rendered template field from the metadata database; None if there is none."""
    import sqlalchemy as sa
    from airflow.models.renderedtifields import RenderedTaskInstanceFields

    fields = _scalar(sa.select(RenderedTaskInstanceFields.rendered_fields).filter_by(**_columns(ti)))
    return (fields or {}).get(name)


def read_run_names(dag_id: str, run_id: str) -> tuple[str, ...]:
    """Return how the call store identifies a run: by its id, and its logical date if it has one."""
    import sqlalchemy as sa
    from airflow.models.dagrun import DagRun

    date: datetime | None = _scalar(sa.select(DagRun.logical_date).filter_by(dag_id=dag_id, run_id=run_id))
    return (run_id,) if date is None else (run_id, date.astimezone(UTC).isoformat())


def read_dag_ids() -> frozenset[str]:
    """Read the ids of all DAGs from the metadata database."""
    import sqlalchemy as sa
    from airflow.models.dag import DagModel
    from airflow.utils.session import create_session

    with create_session() as session:
        return frozenset(session.scalars(sa.select(DagModel.dag_id)))


def read_team_name(dag_id: str) -> str | None:
    """Read the name of a DAG's team from the metadata database; None if it has none."""
    from airflow.models.dag import DagModel

    name: str | None = DagModel.get_team_name(dag_id)
    return name


def read_connection(conn_id: str) -> Connection | None:
    """Read a connection on the command line, which is no task: from a secrets backend or the metadata database.

    :return: None if there is none.
    """
    from airflow.models.connection import Connection as ConnectionModel
    from airflow.sdk.exceptions import AirflowNotFoundException

    try:
        found = ConnectionModel.get_connection_from_secrets(conn_id)
    except AirflowNotFoundException:
        return None
    # It has the attributes of a task's connection that are read here.
    return cast("Connection", found)


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """When a part of Airflow was seen; None if never."""

    at: datetime | None
    is_alive: bool


def read_triggerer_heartbeat() -> Heartbeat:
    """Read the newest heartbeat of any triggerer from the metadata database."""
    from airflow.jobs.job import most_recent_job

    job = most_recent_job("TriggererJob")
    return Heartbeat(job.latest_heartbeat, job.is_alive()) if job else Heartbeat(None, is_alive=False)


def _columns(ti: TaskInstanceKey) -> dict[str, Any]:
    return {"dag_id": ti.dag_id, "run_id": ti.run_id, "task_id": ti.task_id, "map_index": ti.map_index}


def _scalar(query: Any) -> Any:
    from airflow.utils.session import create_session

    with create_session() as session:
        return session.scalar(query)


def _is_reference(value: object) -> bool:
    """Return whether a value refers to another task's output, by Airflow's own test."""
    return hasattr(value, "resolve")


def _has_brace(value: object) -> bool:
    match value:
        case str():
            return "{" in value
        case Mapping():
            return any(map(_has_brace, value.values()))
        case list() | tuple() | set():
            return any(map(_has_brace, value))
        case _:
            return False
