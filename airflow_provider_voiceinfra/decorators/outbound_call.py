"""``@task.outbound_call``: a function returns the fields of a call, and the task places it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, TypedDict

from airflow.sdk import BaseOperator
from airflow.sdk.bases.decorator import DecoratedOperator, determine_kwargs, task_decorator_factory
from airflow.sdk.exceptions import AirflowFailException

from airflow_provider_voiceinfra.operators.outbound_call import OutboundCallOperator
from airflow_provider_voiceinfra.operators.private import Private

if TYPE_CHECKING:
    import jinja2
    from airflow.sdk import Context
    from airflow.sdk.bases.decorator import TaskDecorator

_ARGUMENTS = ("op_args", "op_kwargs")


class CallFields(TypedDict, total=False):
    """What the function returns: some of these, as :class:`.OutboundCallOperator` takes them."""

    to_number: str
    agent_id: str | None
    from_number: str | None
    first_message: str | None
    context: str | None
    variables: Mapping[str, Any] | None
    metadata: Mapping[str, Any] | None
    voiceinfra_conn_id: str
    idempotency_key: str | None
    default_region: str | None
    timezone: str | None
    not_after: datetime | str | None


class OutboundCallDecoratedOperator(DecoratedOperator, OutboundCallOperator):
    """Places the call whose fields a function returns; what it does not return is as the decorator was given it.

    The function runs again in every try, and when the task goes on after it has waited for the guard or for a redial:
    let it return the same call for the same task, and do nothing else.

    :param python_callable: returns the fields of the call, see :class:`CallFields`.
    :param op_args: its arguments. (templated)
    :param op_kwargs: its arguments by name. (templated)
    """

    template_fields: Sequence[str] = (*_ARGUMENTS, *OutboundCallOperator.template_fields)
    template_fields_renderers: ClassVar[dict[str, str]] = {
        **DecoratedOperator.template_fields_renderers,
        **OutboundCallOperator.template_fields_renderers,
    }
    custom_operator_name: str = "@task.outbound_call"

    _given: Private[tuple[Collection[Any], Mapping[str, Any]]] | None = None

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

    def place(self, context: Context, attempt: int = 1) -> str:
        """Ask the function for the call, and place it."""
        self.hide(self.asked() | self._ask(context))
        return super().place(context, attempt)

    def _ask(self, context: Context) -> dict[str, Any]:
        args, kwargs = self._given.reveal() if self._given else (self.op_args, self.op_kwargs)
        known = {**context, **kwargs}
        fields = self.python_callable(*args, **determine_kwargs(self.python_callable, args, known))
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

    def _do_render_template_fields(
        self,
        parent: Any,
        template_fields: Any,
        context: Context,
        jinja_env: jinja2.Environment,
        seen_oids: set[int],
    ) -> None:
        """Render the arguments too, and hide them: they tell who is called, and Airflow stores and shows them."""
        if parent is self and self._given is None:
            try:
                BaseOperator._do_render_template_fields(self, self, _ARGUMENTS, context, jinja_env, seen_oids)  # noqa: SLF001
            finally:
                self._given = Private((tuple(self.op_args), dict(self.op_kwargs)))
                self.op_args = ["•••" for _ in self.op_args]
                self.op_kwargs = dict.fromkeys(self.op_kwargs, "•••")
        super()._do_render_template_fields(parent, template_fields, context, jinja_env, seen_oids)


def outbound_call_task(python_callable: Callable[..., CallFields] | None = None, **kwargs: Any) -> TaskDecorator:
    """Make a task of a function that returns the fields of a call: ``@task.outbound_call``.

    :param python_callable: the function.
    :param kwargs: of :class:`.OutboundCallOperator`: what all its calls share, such as ``wait_for_completion``.
    """
    return task_decorator_factory(
        python_callable=python_callable,
        # What the task returns is the call_id, whatever the function is said to return.
        multiple_outputs=False,
        decorated_operator_class=OutboundCallDecoratedOperator,
        **kwargs,
    )
