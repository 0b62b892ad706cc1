"""Template fields: what the DAG file says is rendered, once; what comes as data never is."""

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
    """A template has failed. The message shows nothing of its text, nor of what it was to be filled with."""


class TemplatedOperator(RenderHookOperator):
    """Renders its template fields as Airflow does, except that data is data.

    - A value that came from another task is left as it is, by whatever way it came: a customer may be called
      ``{{ conn.voiceinfra_default.password }}``.
    - Text stays text, also where the DAG renders native objects: ``+14155550100`` is not a number.
    - A template that fails is not logged.
    """

    text_fields: ClassVar[Sequence[str]] = ()
    """Are text, whatever a template gives."""
    number_fields: ClassVar[Sequence[str]] = ()
    """Are text too, but an integer stays one, to be rejected: it may have lost its ``+``."""
    file_fields: ClassVar[Sequence[str]] = ()
    """Fields that may name a file to read, by an end in ``template_ext``; empty for all of them."""

    def resolve_template_files(self) -> None:
        """Leave files until fields are rendered: Airflow takes any field for the name of one."""
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
        return _object(rendered) if isinstance(value, str) and isinstance(environment, NativeEnvironment) else rendered

    def _environment(self, name: str) -> jinja2.Environment:
        if name in self.number_fields:
            return typed_environment(self.get_dag())
        return text_environment(self.get_dag()) if name in self.text_fields else self.get_template_env()


def text_environment(dag: DAG | None) -> jinja2.Environment:
    """Give an environment that renders text, whatever the DAG says of native objects."""
    return dag.get_template_env(force_sandboxed=True) if dag else Renderer().get_template_env()


def typed_environment(dag: DAG | None) -> jinja2.Environment:
    """Give an environment in which an expression keeps its type."""
    environment = text_environment(dag)
    environment.code_generator_class = NativeCodeGenerator
    return environment


def render(
    name: str, value: Any, context: Context, environment: jinja2.Environment, extensions: Sequence[str] = ()
) -> Any:
    """Render the value of a field.

    :param extensions: the ends of strings that are names of files to read.
    :raises FieldNotRenderedError: where the template fails.
    """
    try:
        if callable(value):
            return value(context=context, jinja_env=environment)
        return Renderer(extensions).render_template(value, context, environment, set())
    except (AirflowFailException, AirflowSkipException):
        raise
    except Exception as error:  # noqa: BLE001 - a template may raise anything
        reason = _reason(error, value)
    # Not within the handler: the error itself may hold what must not be logged.
    raise FieldNotRenderedError(
        f"The template of {name} has failed: {reason}. Its text is not shown, because it may be private."
    )


def _reason(error: Exception, template: object) -> str:
    """Tell why a template has failed, by the type of the error and by a name that stands in the template's code."""
    reason = type(error).__name__
    for name in re.findall(r"'([A-Za-z_]\w*)'", str(error))[-1:]:
        if re.search(rf"[.{{]\s*{name}\b", str(template)):
            return f"{reason} of {name!r}"
    return reason


def _object(text: Any) -> Any:
    """Make an object of its text, as native rendering does, and leave any other text as it is."""
    with suppress(ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        found = ast.literal_eval(text)
        if isinstance(found, dict | list | tuple):
            return found
    return text
