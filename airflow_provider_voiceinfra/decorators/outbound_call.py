"""``@task.outbound_call``: a function returns the fields of a call, and the task places it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any, ClassVar, TypedDict

from airflow.sdk.bases.decorator import DecoratedOperator, determine_kwargs, task_decorator_factory
from airflow.sdk.exceptions import AirflowFailException

from airflow_provider_voiceinfra.operators.outbound_call import OutboundCallOperator
from airflow_provider_voiceinfra.operators.private_fields import HIDDEN, hidden

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.sdk.bases.decorator import TaskDecorator

    from airflow_provider_voiceinfra.compat import MappedArguments


class CallFields(TypedDict, total=False):
    """The fields that the function may return, as :class:`.OutboundCallOperator` takes them."""

    to_number: str
    agent_id: str | None
    from_number: str | Sequence[str] | None
    first_message: str | None
    context: str | None
    variables: Mapping[str, Any] | None
    metadata: Mapping[str, Any] | None
    voiceinfra_conn_id: str
    idempotency_key: str | None
    default_region: str | None
    timezone: str | None
    not_before: date | str | None
    not_after: date | str | None


class OutboundCallDecoratedOperator(DecoratedOperator, OutboundCallOperator):
    """Places the call whose fields a function returns; other fields are taken from the decorator's arguments.

    The function runs again in every try, and when the task resumes after it was deferred by the guard or for a redial:
    it must return the same call for the same task, and have no side effects.

    :param python_callable: returns the fields of the call, see :class:`CallFields`.
    :param op_args: positional arguments of the function. (templated)
    :param op_kwargs: keyword arguments of the function. (templated)
    """

    template_fields: Sequence[str] = ("op_args", "op_kwargs", *OutboundCallOperator.template_fields)
    template_fields_renderers: ClassVar[dict[str, str]] = {
        **DecoratedOperator.template_fields_renderers,
        **OutboundCallOperator.template_fields_renderers,
    }
    custom_operator_name: str = "@task.outbound_call"

    def __init__(
        self,
        *,
        python_callable: Callable[..., Any],
        op_args: Collection[Any] | None = None,
        op_kwargs: Mapping[str, Any] | None = None,
        to_number: str = "",
        **kwargs: Any,
    ) -> None:
        super().__init__(
            python_callable=python_callable, op_args=op_args, op_kwargs=op_kwargs, to_number=to_number, **kwargs
        )

    def place(self, context: Context, attempt: int) -> str:
        """Call the function, and place the call that it returns."""
        rendered = self.rendered_fields()
        self.hide(rendered | self._call_fields(rendered["op_args"], rendered["op_kwargs"], context))
        return super().place(context, attempt)

    def masked(self, rendered: Mapping[str, Any]) -> dict[str, Any]:
        """Mask the function's arguments too, because they may identify the callee."""
        args = [HIDDEN for _ in rendered["op_args"]]
        return super().masked(rendered) | {"op_args": args, "op_kwargs": hidden(rendered["op_kwargs"])}

    def _call_fields(self, args: Collection[Any], kwargs: Mapping[str, Any], context: Context) -> dict[str, Any]:
        variables = {**context, **kwargs}
        fields = self.python_callable(*args, **determine_kwargs(self.python_callable, args, variables))
        names = CallFields.__annotations__
        if not isinstance(fields, Mapping):
            raise AirflowFailException(
                f"{self.python_callable.__name__} must return the fields of the call as a dict, such as "
                f"{{'to_number': …, 'first_message': …}}, not {type(fields).__name__}. Nothing was dialled."
            )
        unknown = sorted(str(name) for name in fields if name not in names)
        if unknown:
            raise AirflowFailException(
                f"{self.python_callable.__name__} returns {', '.join(unknown)}, but a call has the fields "
                f"{', '.join(names)}. Nothing was dialled."
            )
        return dict(fields)

    def _render_field(self, name: str, value: Any, arguments: MappedArguments, context: Context) -> Any:
        if name != "op_kwargs":
            return super()._render_field(name, value, arguments, context)
        # One by one: some come from the DAG file, others may be mapped over data.
        render = super()._render_field
        return {each: render(each, given, arguments, context) for each, given in value.items()}


def outbound_call_task(python_callable: Callable[..., CallFields] | None = None, **kwargs: Any) -> TaskDecorator:
    """Turn a function that returns the fields of a call into a task: ``@task.outbound_call``.

    :param python_callable: the function.
    :param kwargs: arguments of :class:`.OutboundCallOperator` for all its calls, such as ``wait_for_completion``.
    """
    return task_decorator_factory(
        python_callable=python_callable,
        # The task returns the call_id, whatever the function's return annotation is.
        multiple_outputs=False,
        decorated_operator_class=OutboundCallDecoratedOperator,
        **kwargs,
    )
