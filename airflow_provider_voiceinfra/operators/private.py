"""Values of a task that nobody sees who looks at its attributes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator

T = TypeVar("T")


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
        return "•••"


def forget_arguments(task: BaseOperator) -> None:
    """Let a task that runs have its template fields as attributes only, and no more as what it was made with.

    Airflow keeps that too, and older OpenLineage providers send it.
    """
    made_with = vars(task).get("_BaseOperator__init_kwargs", {})
    # A dict of its own: copies of the task share the other.
    kept = {name: value for name, value in made_with.items() if name not in task.template_fields}
    object.__setattr__(task, "_BaseOperator__init_kwargs", kept)
