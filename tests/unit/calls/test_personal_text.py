"""The texts of a list name columns, and are filled from each row; nothing in a row is ever run or filled in again."""

from __future__ import annotations

import pytest

from airflow_provider_voiceinfra.errors import InvalidCallError
from airflow_provider_voiceinfra.lists.column_mapping import ColumnMapping
from airflow_provider_voiceinfra.lists.personal_text import columns_of, fill
from airflow_provider_voiceinfra.lists.source_rows import CallDefaults
from tests.support.call_samples import NUMBER, account


def read(text, **row):
    return CallDefaults(account(), "list", first_message=text).read(1, {"to_number": NUMBER, **row}, ColumnMapping())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Hello {name}, it is {day}.", "Hello Ada {day}, it is {name}."),
        ("Hello {Name}, {NAME}!", "Hello Ada {day}, Ada {day}!"),
        ('Answer {"a": 1}, { name } or {}.', 'Answer {"a": 1}, { name } or {}.'),
        ("Hello {zoë}.", "Hello 7."),
        ("No placeholder.", "No placeholder."),
    ],
)
def test_a_text_is_filled_once_from_the_columns_that_it_names(text, said):
    row = {"name": "Ada {day}", "day": "{name}", "zoë": 7}
    assert fill("first_message", text, row) == said
    assert read(text, **row).fields["first_message"] == said


@pytest.mark.parametrize("text", ["{name.__class__}", "{name[0]}", "{name!r}", "Hi {name.first}"])
def test_a_placeholder_is_the_name_of_a_column_and_no_expression(text):
    with pytest.raises(InvalidCallError, match=r"context has a placeholder .*only names of columns"):
        columns_of("context", text)


@pytest.mark.parametrize("value", [None, "", "  ", float("nan")])
def test_a_row_without_a_value_is_set_aside(value):
    assert read("Hello {name}.", name=value).wrong == "invalid_first_message"


def test_a_rows_own_text_is_no_template():
    assert read("Hello {name}.", first_message="Dear {name}.", name=None).fields["first_message"] == "Dear {name}."
