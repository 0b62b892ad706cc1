"""Serialization of triggers by their arguments."""

from __future__ import annotations

from inspect import signature
from typing import Any


class SerializedTrigger:
    """Serializes a trigger whose arguments are attributes of the same names."""

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class and the arguments, to recreate this trigger in a triggerer."""
        arguments = {name: getattr(self, name) for name in signature(type(self)).parameters}
        return f"{type(self).__module__}.{type(self).__qualname__}", arguments
