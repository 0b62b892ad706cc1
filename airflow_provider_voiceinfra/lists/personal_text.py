"""Placeholders for columns in the first message and context of a list, such as ``Hello {name}``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from airflow_provider_voiceinfra.calls.values import plain_value
from airflow_provider_voiceinfra.errors import InvalidCallError

# Other braces, such as those of JSON, stay as they are.
_PLACEHOLDER = re.compile(r"\{([^\W\d]\w*)\}")
_EXPRESSION = re.compile(r"\{[^\W\d]\w*[.\[!][^{}]*\}")


def columns_of(field: str, text: str | None) -> tuple[str, ...]:
    """Return the columns that are placeholders in a string.

    :param field: the argument that contains the string, for messages.
    :raises InvalidCallError: if a placeholder is more than the name of a column.
    """
    if expression := _EXPRESSION.search(text or ""):
        raise InvalidCallError(
            f"{field} has a placeholder {expression[0]}, but only names of columns are filled in, such as {{name}}: "
            "select the value as a column of its own."
        )
    return tuple(dict.fromkeys(_PLACEHOLDER.findall(text or "")))


def fill(field: str, text: str | None, row: Mapping[str, Any]) -> str | None:
    """Replace the placeholders in a string with the values of a row, which are not searched for placeholders.

    :param row: by column names in lower case.
    :raises InvalidCallError: if a column has no value.
    """

    def value_of(placeholder: re.Match[str]) -> str:
        value = plain_value(row[placeholder[1].casefold()])
        if value is None:
            raise InvalidCallError(f"{field} needs a value of {placeholder[0]}, and the row has none.")
        return str(value)

    return None if text is None else _PLACEHOLDER.sub(value_of, text)
