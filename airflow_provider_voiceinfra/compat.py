"""What depends on Airflow's version, or on what Airflow keeps private."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import jinja2
from airflow.sdk import BaseOperator
from airflow.sdk.definitions._internal.templater import Templater
from jinja2.nativetypes import NativeCodeGenerator

if TYPE_CHECKING:
    from airflow.sdk import DAG, Context


BASE_ARGUMENTS = {*inspect.signature(BaseOperator.__init__).parameters, "_airflow_mapped_validation_only"}
"""What every operator may be made with."""


class Renderer(Templater):
    """Renders a value as Airflow does, but logs no template that fails.

    An expression in a native environment keeps its type, and text stays text: Airflow itself evaluates it, and makes a
    number of ``+14155550100``.

    :param extensions: the ends of strings that are names of files to read.
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


def text_environment(dag: DAG | None) -> jinja2.Environment:
    """Give an environment that renders text, whatever the DAG says of native objects."""
    return dag.get_template_env(force_sandboxed=True) if dag else Renderer().get_template_env()


def typed_environment(dag: DAG | None) -> jinja2.Environment:
    """Give an environment in which an expression keeps its type."""
    environment = text_environment(dag)
    environment.code_generator_class = NativeCodeGenerator
    return environment


class MappedArguments:
    """Tells the arguments of a mapped task that the DAG file gives from those that came as data, by XCom.

    Airflow renders what ``expand_kwargs`` has taken from an XCom as if the DAG's author had written it.

    :param task: made by Airflow for one map index; any other task has no data among its arguments.
    """

    def __init__(self, task: BaseOperator, context: Context) -> None:
        self._context = context
        dag = task.get_dag()
        mapped: Any = dag.task_dict.get(task.task_id) if dag else None
        self._input: Any = None
        if mapped is not None and mapped.is_mapped:
            self._input = mapped._get_specified_expand_input()  # noqa: SLF001
            groups = [each.default_args or {} for each in (dag, task.task_group) if each]
            self._given = [mapped.partial_kwargs, mapped.partial_kwargs.get("op_kwargs") or {}, *groups]

    def is_template(self, name: str, value: object) -> bool:
        """Tell whether the DAG file gives the value of an argument."""
        if not self._has_data or name in self._literals or any(given.get(name) is value for given in self._given):
            return True
        # Made by the class of the task, perhaps of data: it is the author's where no data can be a template.
        return _has_brace(value) and name not in self._data and not _has_brace(self._data)

    @cached_property
    def _has_data(self) -> bool:
        given = self._input and self._input.value
        if isinstance(given, Mapping):
            return len(self._literals) < len(given)
        return _is_reference(given) or (bool(given) and _is_reference(given[self._context["ti"].map_index]))

    @cached_property
    def _literals(self) -> set[str]:
        """The names that ``expand`` was given literal lists for."""
        given = self._input.value
        return (
            {name for name, value in given.items() if not _is_reference(value)} if isinstance(given, Mapping) else set()
        )

    @cached_property
    def _data(self) -> Mapping[str, Any]:
        """What came by XCom. Pulled once more, and only where it matters."""
        arguments, _ = self._input.resolve(self._context)
        return {name: value for name, value in arguments.items() if name not in self._literals}


def forget_arguments(task: BaseOperator) -> None:
    """Let a task that runs have its template fields as attributes only, and no more as what it was made with.

    Airflow keeps that too, and older OpenLineage providers send it.
    """
    made_with = vars(task).get("_BaseOperator__init_kwargs", {})
    # A dict of its own: copies of the task share the other.
    kept = {name: value for name, value in made_with.items() if name not in task.template_fields}
    object.__setattr__(task, "_BaseOperator__init_kwargs", kept)


def _is_reference(value: object) -> bool:
    """Tell whether a value stands for another task's output, as Airflow itself tells."""
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
