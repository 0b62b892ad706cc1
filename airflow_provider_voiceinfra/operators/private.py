"""Values of a task that nobody sees who looks at its attributes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

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
