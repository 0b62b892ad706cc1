"""Template fields that are rendered for the task, but masked in what Airflow stores and shows."""

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
    """Hides a value from code that reads the attributes of a task, such as OpenLineage.

    :param value: the value.
    """

    __slots__ = ("reveal",)

    reveal: Callable[[], T]
    """Returns the value."""

    def __init__(self, value: T) -> None:
        # In a closure, which serializers do not read.
        self.reveal = lambda: value

    def __repr__(self) -> str:
        return HIDDEN


class PrivateFieldsOperator(TemplatedOperator):
    """Keeps private fields out of Airflow's database: once they are rendered, the task's attributes are masked.

    While it runs, a subclass reads its fields with :meth:`rendered_fields`, and sets them as usual.
    """

    _rendered: Private[dict[str, Any]] | None = None

    def __init__(self, **kwargs: Any) -> None:
        # Checked before Airflow does, whose error shows the values: with expand_kwargs, they may be private.
        if unknown := sorted(kwargs.keys() - BASE_ARGUMENTS):
            raise TypeError(f"{type(self).__name__} has no argument {', '.join(unknown)}. Remove or rename it.")
        super().__init__(**kwargs)

    def masked(self, rendered: Mapping[str, Any]) -> dict[str, Any]:
        """Return the masked values of the private fields; the given values may not be rendered yet."""
        raise NotImplementedError

    def rendered_fields(self) -> dict[str, Any]:
        """Return all template fields as rendered, or as ``pre_execute`` or a subclass has set them since."""
        if self._rendered is None:
            return {name: getattr(self, name) for name in self.template_fields}
        rendered = self._rendered.reveal()
        shown = rendered | self.masked(rendered)
        changed = {name: getattr(self, name) for name in shown if not _same(getattr(self, name), shown[name])}
        for name, value in changed.items():
            if HIDDEN in str(value):
                raise AirflowFailException(
                    f"{name} was set to a partly masked value. While a task runs, its fields are masked: read "
                    "them with self.rendered_fields(), and set them as attributes. Nothing was dialled."
                )
        if changed:
            self.hide(rendered | changed)
        return rendered | changed

    def hide(self, rendered: dict[str, Any]) -> None:
        """Store the fields, and replace the attributes by masked values."""
        self._rendered = Private(rendered)
        for name, value in (rendered | self.masked(rendered)).items():
            setattr(self, name, value)
        forget_arguments(self)

    def render_fields(self, names: Iterable[str], context: Context) -> None:
        """Render these fields once, and mask them."""
        if self._rendered is not None:
            return
        try:
            super().render_fields(names, context)
        finally:
            # Callbacks and listeners also see the fields that were rendered before a template failed.
            self.hide(self.rendered_fields())


def hidden(value: object) -> object:
    """Mask a value; a dict shows its keys."""
    return dict.fromkeys(value, HIDDEN) if isinstance(value, Mapping) else value and HIDDEN


def _same(value: object, shown: object) -> bool:
    return value is shown or (type(value) is type(shown) and isinstance(value, str | dict | list) and value == shown)
