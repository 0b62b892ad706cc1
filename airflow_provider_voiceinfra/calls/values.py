"""Converts values of database drivers and data frames, without importing numpy or pandas."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

_NOT_LISTS = (str, bytes, bytearray, memoryview)


def plain_value(value: Any) -> Any:
    """Convert a field's value to a Python type; NULL, NaN, NaT, pandas' NA and blank strings become None."""
    value = own_type(value)
    if isinstance(value, str) and not value.strip():
        return None
    return None if is_null(value) else value


def plain_json(value: Any) -> Any:
    """Convert a value to lists, dicts and Python types; NaN and NaT become None.

    A lazy sequence, such as another task's output, becomes a list.
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
    """Return whether a value is None, NaN, NaT or pandas' NA."""
    if value is None or type(value).__name__ in {"NAType", "NaTType"}:
        return True
    with contextlib.suppress(Exception):
        # A signalling NaN cannot be compared, and an array has no truth value.
        return bool(value != value)  # noqa: PLR0124 - only NaN and NaT differ from themselves
    return hasattr(value, "is_nan") and bool(value.is_nan())


def own_type(value: Any) -> Any:
    """Convert a value of numpy or pandas to a Python type."""
    kind = getattr(getattr(value, "dtype", None), "kind", None)
    if isinstance(kind, str) and hasattr(value, "tolist"):
        own = value.tolist()
        # It converts nanoseconds to integers.
        return value.astype("datetime64[us]").tolist() if kind == "M" and isinstance(own, int | list) else own
    return value.to_pydatetime() if hasattr(value, "to_pydatetime") and not is_null(value) else value
