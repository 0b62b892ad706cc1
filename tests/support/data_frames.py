"""Values that behave as those of numpy and pandas do, which the tests do not need."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any


class NAType:
    """pandas' ``NA``: comparing it gives another one, which is neither true nor false."""

    def __eq__(self, other: object) -> Any:
        return self

    def __ne__(self, other: object) -> Any:
        return self

    __hash__ = None  # type: ignore[assignment]

    def __bool__(self) -> bool:
        raise TypeError("boolean value of NA is ambiguous")


NA = NAType


class NaTType(datetime):
    """pandas' ``NaT``: a datetime that differs from itself."""

    def __new__(cls) -> NaTType:
        return super().__new__(cls, 1, 1, 1)

    def __eq__(self, other: object) -> bool:
        return False

    def __ne__(self, other: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True)
class Dtype:
    """The type of a scalar or an array; ``M`` is a time."""

    kind: str


class Scalar:
    """numpy's: ``tolist`` gives Python's own value, but nanoseconds where it is a time."""

    def __init__(self, value: Any, kind: str = "i") -> None:
        self.value = value
        self.dtype = Dtype(kind)
        self._unit = "ns"

    def astype(self, unit: str) -> Scalar:
        other = Scalar(self.value, self.dtype.kind)
        other._unit = unit
        return other

    def tolist(self) -> Any:
        if self.dtype.kind == "M" and self._unit != "datetime64[us]":
            return 1_795_000_000_000_000_000
        return self.value


class Timestamp(datetime):
    """pandas': a datetime with nanoseconds."""

    def to_pydatetime(self) -> datetime:
        return datetime(self.year, self.month, self.day, self.hour, self.minute, tzinfo=self.tzinfo)


class DataFrame:
    """ColumnMapping and rows."""

    def __init__(self, columns: list[str], *rows: tuple[Any, ...]) -> None:
        self.columns = columns
        self._rows = rows

    def to_dict(self, orient: str) -> list[dict[str, Any]]:
        assert orient == "records"
        return [dict(zip(self.columns, row, strict=True)) for row in self._rows]
