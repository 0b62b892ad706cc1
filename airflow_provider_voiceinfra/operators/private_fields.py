"""Template fields that are rendered for the task and hidden from Airflow, which stores and shows them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from airflow.sdk.exceptions import AirflowFailException

from airflow_provider_voiceinfra.compat import BASE_ARGUMENTS, forget_arguments
from airflow_provider_voiceinfra.templates import TemplatedOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

T = TypeVar("T")

HIDDEN = "•••"


class Private(Generic[T]):
    """Holds a value apart from the attributes of a task, which OpenLineage can be told to send, all of them.

    :param value: what is held.
    """

    __slots__ = ("reveal",)

    reveal: Callable[[], T]
    """Gives the value."""

    def __init__(self, value: T) -> None:
        # In a function, which no serializer looks into.
        self.reveal = lambda: value

    def __repr__(self) -> str:
        return HIDDEN


class PrivateFieldsOperator(TemplatedOperator):
    """Keeps private fields out of Airflow's database: once they are rendered, the task's attributes are masked.

    A subclass that reads its fields while it runs does so by :meth:`rendered_fields`; one that sets them just does.
    """

    _rendered: Private[dict[str, Any]] | None = None

    def __init__(self, **kwargs: Any) -> None:
        # Before Airflow does, which shows their values: in expand_kwargs they may be columns of a person's row.
        if unknown := sorted(kwargs.keys() - BASE_ARGUMENTS):
            raise TypeError(
                f"{type(self).__name__} has no argument {', '.join(unknown)}. Remove it, or name its field."
            )
        super().__init__(**kwargs)

    def masked(self, rendered: Mapping[str, Any]) -> dict[str, Any]:
        """Give what is shown instead of the private fields, of values that may not have been rendered."""
        raise NotImplementedError

    def rendered_fields(self) -> dict[str, Any]:
        """Give all template fields as they were rendered, or as ``pre_execute`` or a subclass has set them since."""
        if self._rendered is None:
            return {name: getattr(self, name) for name in self.template_fields}
        rendered = self._rendered.reveal()
        shown = rendered | self.masked(rendered)
        changed = {name: getattr(self, name) for name in shown if not _same(getattr(self, name), shown[name])}
        for name, value in changed.items():
            if HIDDEN in str(value):
                raise AirflowFailException(
                    f"{name} was made of a masked value. While a task runs its fields are masked: read them by "
                    "self.rendered_fields(), and set them as attributes. Nothing was dialled."
                )
        if changed:
            self.hide(rendered | changed)
        return rendered | changed

    def hide(self, rendered: dict[str, Any]) -> None:
        """Keep the fields, and show as little of them as tells calls apart."""
        self._rendered = Private(rendered)
        for name, value in (rendered | self.masked(rendered)).items():
            setattr(self, name, value)
        forget_arguments(self)

    def render_fields(self, names: Iterable[str], context: Context) -> None:
        """Render these fields once, and hide them."""
        if self._rendered is not None:
            return
        try:
            super().render_fields(names, context)
        finally:
            # What was rendered before a template failed is shown to callbacks and listeners too.
            self.hide(self.rendered_fields())


def hidden(value: object) -> object:
    """Show that there is a value, and the names in an object."""
    return dict.fromkeys(value, HIDDEN) if isinstance(value, Mapping) else value and HIDDEN


def _same(value: object, shown: object) -> bool:
    return value is shown or (type(value) is type(shown) and isinstance(value, str | dict | list) and value == shown)
