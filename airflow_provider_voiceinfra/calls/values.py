"""Values as drivers and data frames give them, without importing numpy or pandas."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

_NOT_LISTS = (str, bytes, bytearray, memoryview)


def plain_value(value: Any) -> Any:
    """Give a field's value as Python's own type; None for every way to write that there is none.

    NULL, NaN, NaT, pandas' NA, and empty or blank text are no value.
    """
    value = own_type(value)
    if isinstance(value, str) and not value.strip():
        return None
    return None if is_null(value) else value


def plain_json(value: Any) -> Any:
    """Give a value with only lists, dicts and Python's own types in it; NaN and NaT become None.

    A lazy sequence, as another task's output is one, becomes a list.
    """
    value = own_type(value)
    if is_null(value):
        return None
    if isinstance(value, Mapping):
        return {own_type(name): plain_json(each) for name, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, _NOT_LISTS):
        return [plain_json(each) for each in value]
    return value


def is_null(value: Any) -> bool:
    """Tell whether a value is None, NaN, NaT or pandas' NA."""
    if value is None or type(value).__name__ in {"NAType", "NaTType"}:
        return True
    with contextlib.suppress(Exception):
        # A signalling NaN cannot be compared, and an array has no truth.
        return bool(value != value)  # noqa: PLR0124 - only NaN and NaT differ from themselves
    return hasattr(value, "is_nan") and bool(value.is_nan())


def own_type(value: Any) -> Any:
    """Turn a value of numpy or pandas into one of Python."""
    kind = getattr(getattr(value, "dtype", None), "kind", None)
    if isinstance(kind, str) and hasattr(value, "tolist"):
        own = value.tolist()
        # Of nanoseconds it makes integers.
        return value.astype("datetime64[us]").tolist() if kind == "M" and isinstance(own, int | list) else own
    return value.to_pydatetime() if hasattr(value, "to_pydatetime") and not is_null(value) else value
