"""Rendering of template fields: values from the DAG file are rendered once, values that come as data never."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar

import jinja2
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from jinja2.nativetypes import NativeCodeGenerator, NativeEnvironment

from airflow_provider_voiceinfra.compat import MappedArguments, Renderer, RenderHookOperator

if TYPE_CHECKING:
    from airflow.sdk import DAG, Context


class FieldNotRenderedError(Exception):
    """A template failed. The message shows neither its text nor its values, which may be private."""


class TemplatedOperator(RenderHookOperator):
    """Renders its template fields as Airflow does, except that data is never rendered.

    - A value that came from another task is left as it is, however it arrived: a customer's name may be
      ``{{ conn.voiceinfra_default.password }}``.
    - Strings stay strings, also where the DAG renders native objects: ``+14155550100`` must not become an integer.
    - A template that fails is not logged.
    """

    text_fields: ClassVar[Sequence[str]] = ()
    """Fields that are always rendered to strings."""
    number_fields: ClassVar[Sequence[str]] = ()
    """Fields that are strings too, but an integer stays one, to be rejected: it may have lost its ``+``."""
    file_fields: ClassVar[Sequence[str]] = ()
    """Fields that may name a file to read, by a suffix in ``template_ext``; empty for all fields."""

    def resolve_template_files(self) -> None:
        """Read no files before fields are rendered: Airflow would read any field that looks like a file name."""
        self.prepare_template()

    def render_fields(self, names: Iterable[str], context: Context) -> None:
        """Render these fields, and set them as attributes."""
        arguments = MappedArguments(self, context)
        for name in names:
            setattr(self, name, self._render_field(name, getattr(self, name), arguments, context))

    def _render_field(self, name: str, value: Any, arguments: MappedArguments, context: Context) -> Any:
        if not arguments.is_template(name, value):
            return value
        environment = self._environment(name)
        extensions = self.template_ext if name in (self.file_fields or (name,)) else ()
        rendered = render(name, value, context, environment, extensions)
        is_native = isinstance(value, str) and isinstance(environment, NativeEnvironment)
        return _parse_literal(rendered) if is_native else rendered

    def _environment(self, name: str) -> jinja2.Environment:
        if name in self.number_fields:
            return typed_environment(self.get_dag())
        return text_environment(self.get_dag()) if name in self.text_fields else self.get_template_env()


def text_environment(dag: DAG | None) -> jinja2.Environment:
    """Return an environment that renders strings, also where the DAG renders native objects."""
    return dag.get_template_env(force_sandboxed=True) if dag else Renderer().get_template_env()


def typed_environment(dag: DAG | None) -> jinja2.Environment:
    """Return an environment in which an expression keeps its type."""
    environment = text_environment(dag)
    environment.code_generator_class = NativeCodeGenerator
    return environment


def render(
    name: str, value: Any, context: Context, environment: jinja2.Environment, extensions: Sequence[str] = ()
) -> Any:
    """Render the value of a field.

    :param extensions: suffixes of strings that name a file to read.
    :raises FieldNotRenderedError: if the template fails.
    """
    try:
        if callable(value):
            return value(context=context, jinja_env=environment)
        return Renderer(extensions).render_template(value, context, environment, set())
    except (AirflowFailException, AirflowSkipException):
        raise
    except Exception as error:  # noqa: BLE001 - a template may raise anything
        reason = _reason(error, value)
    # Outside the handler: the original error may contain private values.
    raise FieldNotRenderedError(
        f"The template of {name} failed: {reason}. Its text is not shown, because it may be private."
    )


def _reason(error: Exception, template: object) -> str:
    """Describe why a template failed: the type of the error, and a name if the template's code contains it."""
    for name in re.findall(r"\bvar\.(?:value|json)\.(?:get\(\s*['\"])?(\w+)", str(template)):
        if re.search(rf"\bVariable {name} not found\b", str(error), re.IGNORECASE):
            return f"Airflow's variable {name!r} is not set"
    reason = type(error).__name__
    for name in re.findall(r"'([A-Za-z_]\w*)'", str(error))[-1:]:
        if re.search(rf"[.{{]\s*{name}\b", str(template)):
            return f"{reason} of {name!r}"
    return reason


def _parse_literal(text: Any) -> Any:
    """Parse the literal of a dict, list or tuple, as native rendering does; return any other string unchanged."""
    with suppress(ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        value = ast.literal_eval(text)
        if isinstance(value, dict | list | tuple):
            return value
    return text
