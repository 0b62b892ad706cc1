"""A row of a list is the same row, whatever type its key comes in."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from uuid import UUID

import pytest

from airflow_provider_voiceinfra.calls.errors import InvalidCallError
from airflow_provider_voiceinfra.calls.list_rows import Columns, Template
from tests.unit.calls.samples import NUMBER, account

TEMPLATE = Template(account(), "reminders")
TEMPLATE_US = Template(account(), "reminders", default_region="US")
NAME = TEMPLATE.name_of("id")
UUID_KEY = UUID("8f14e45f-ceea-467f-a8ac-3b1f0c5d8a11")


def read(key):
    return TEMPLATE.read(1, {"to_number": NUMBER, "id": key}, Columns(key_column="id"))


@pytest.mark.parametrize("key", [42, 42.0, Decimal(42), Decimal("42.00"), Decimal("4.2E+1"), "42", " 42 "])
def test_the_same_whole_number_is_the_same_key_whatever_type_a_driver_gives_it(key):
    assert (read(key).key, read(key).wrong) == ("42", None)
    assert NAME(key) == "42"


@pytest.mark.parametrize(
    ("key", "text"),
    [
        (-7.0, "-7"),
        (-0.0, "0"),
        (2**53 - 1.0, "9007199254740991"),
        (2**80, str(2**80)),
        (Decimal(2**80), str(2**80)),
        (UUID_KEY, str(UUID_KEY)),
        # A text is what it is.
        ("42.0", "42.0"),
        ("0042", "0042"),
        ("nan", "nan"),
    ],
)
def test_whatever_else_is_exact_is_a_key_as_it_is_written(key, text):
    assert (read(key).key, NAME(key)) == (text, text)


@pytest.mark.parametrize(
    "key",
    [
        float("nan"),
        float("inf"),
        42.5,
        float(2**53),
        Decimal("NaN"),
        Decimal("sNaN"),
        Decimal("-Infinity"),
        Decimal("42.5"),
        Fraction(42),
        True,
    ],
)
def test_a_number_that_is_not_exact_names_no_row_and_the_column_is_to_be_cast(key):
    assert (read(key).key, read(key).wrong) == (None, "invalid_key")
    with pytest.raises(InvalidCallError, match=rf"^key is a {type(key).__name__} .*cast its column to a text"):
        NAME(key)


@pytest.mark.parametrize("key", [None, "", " "])
def test_a_row_without_a_key_is_set_aside_and_nobody_is_named_by_none(key):
    assert read(key).wrong == "invalid_key"
    assert NAME(key) is None


@pytest.mark.parametrize("number", [14155550147, Decimal(14155550147)])
def test_a_number_may_be_an_integer_in_a_column_of_a_table_and_nowhere_else(number):
    row = {"to_number": number}
    assert TEMPLATE_US.read(1, row, Columns(are_typed=True)).to_number == NUMBER
    assert TEMPLATE_US.read(1, row, Columns()).wrong == "invalid_to_number"


@pytest.mark.parametrize("number", [14155550147, 14155550147.0, Decimal("14155550147.00"), NUMBER])
def test_where_rows_have_no_key_a_number_names_them_whatever_type_a_driver_gives_it(number):
    assert TEMPLATE_US.name_of(None)(number) == NUMBER


@pytest.mark.parametrize("number", [None, "", "12", 12, float("nan")])
def test_what_is_no_number_names_nobody(number):
    assert TEMPLATE.name_of(None)(number) is None
