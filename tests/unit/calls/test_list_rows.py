"""A row of a list is the same row, whatever type its key comes in."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from uuid import UUID

import pytest

from airflow_provider_voiceinfra.errors import InvalidCallError
from airflow_provider_voiceinfra.lists.column_mapping import FIELDS, ColumnMapping, check_fields, folded
from airflow_provider_voiceinfra.lists.source_rows import CallDefaults
from tests.support.call_samples import NUMBER, account
from tests.support.data_frames import NA, NaTType

UNUSABLE = [b"42", bytearray(b"42"), memoryview(b"42"), object(), [42], {"a": 42}, (42,), True, timedelta(1)]
TEMPLATE = CallDefaults(account(), "reminders")
TEMPLATE_US = CallDefaults(account(), "reminders", default_region="US")
NAME = TEMPLATE.name_of("id")
UUID_KEY = UUID("8f14e45f-ceea-467f-a8ac-3b1f0c5d8a11")


def read(key):
    return TEMPLATE.read(1, {"to_number": NUMBER, "id": key}, ColumnMapping(key_column="id"))


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
    with pytest.raises(InvalidCallError, match=rf"^key is a {type(key).__name__} .*cast its column to a string"):
        NAME(key)


@pytest.mark.parametrize("key", [None, "", " "])
def test_a_row_without_a_key_is_set_aside_and_nobody_is_named_by_none(key):
    assert read(key).wrong == "invalid_key"
    assert NAME(key) is None


@pytest.mark.parametrize("number", [14155550147, Decimal(14155550147)])
def test_a_number_may_be_an_integer_in_a_column_of_a_table_and_nowhere_else(number):
    row = {"to_number": number}
    assert TEMPLATE_US.read(1, row, ColumnMapping(are_typed=True)).to_number == NUMBER
    assert TEMPLATE_US.read(1, row, ColumnMapping()).wrong == "not_text"


@pytest.mark.parametrize("number", [14155550147, 14155550147.0, Decimal("14155550147.00"), NUMBER])
def test_where_rows_have_no_key_a_number_names_them_whatever_type_a_driver_gives_it(number):
    assert TEMPLATE_US.name_of(None)(number) == NUMBER


@pytest.mark.parametrize("number", [None, "", " ", float("nan"), Decimal("sNaN"), NA(), "+1 900 234 5678"])
def test_no_value_and_a_number_that_is_never_called_name_nobody(number):
    assert TEMPLATE.name_of(None)(number) is None


@pytest.mark.parametrize("number", ["12", 12, "2125550101", "+1 212 555 0101 x5", b"+12125550101", ["x"], True, 1.5])
def test_a_number_that_cannot_be_read_names_nobody_known_so_it_is_an_error(number):
    with pytest.raises(InvalidCallError, match=r"^number "):
        TEMPLATE.name_of(None)(number)


@pytest.mark.parametrize("key", UNUSABLE)
def test_a_key_of_an_unusable_type_is_set_aside_and_names_nobody_known(key):
    assert read(key).wrong == "invalid_key"
    with pytest.raises(InvalidCallError, match=r"^key is a"):
        NAME(key)


@pytest.mark.parametrize("value", UNUSABLE)
@pytest.mark.parametrize("field", [name for name in FIELDS if name != "to_number"])
def test_a_field_of_an_unusable_type_is_set_aside_with_its_reason(field, value):
    row = {"to_number": NUMBER, "id": "7", field: value}
    assert TEMPLATE.read(1, row, ColumnMapping(key_column="id", are_typed=True)).wrong == f"invalid_{field}"


@pytest.mark.parametrize("value", UNUSABLE)
def test_so_is_a_number_of_an_unusable_type(value):
    assert TEMPLATE_US.read(1, {"to_number": value}, ColumnMapping(are_typed=True)).wrong == "not_a_number"


@pytest.mark.parametrize("value", [None, "", " \t", float("nan"), Decimal("NaN"), Decimal("sNaN"), NA(), NaTType()])
@pytest.mark.parametrize("field", FIELDS)
def test_every_way_to_write_no_value_is_none_for_every_field(field, value):
    row = TEMPLATE.read(1, {"to_number": NUMBER, field: value}, ColumnMapping(are_typed=True))
    without = TEMPLATE.read(1, {} if field == "to_number" else {"to_number": NUMBER}, ColumnMapping(are_typed=True))
    assert row == without
    assert row.wrong == ("missing" if field == "to_number" else None)


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        ("", "missing"),
        ("2125550101", "no_country_code"),
        ("Anna", "not_a_number"),
        ("+1 212", "too_short"),
        ("+12125550101 x5", "extension"),
        ("+1 900 234 5678", "premium_rate"),
    ],
)
def test_a_number_that_cannot_be_called_says_precisely_why(number, reason):
    new = TEMPLATE.read(3, {"to_number": number, "id": 7}, ColumnMapping(key_column="id"))
    assert (new.position, new.key, new.wrong) == (3, "7", reason)


def test_the_number_of_the_caller_is_not_taken_for_the_callees():
    assert TEMPLATE.read(1, {"to_number": NUMBER, "from_number": "12"}, ColumnMapping()).wrong == "invalid_from_number"


def test_a_field_that_does_not_exist_is_named_with_the_nearest_one():
    with pytest.raises(ValueError, match=r"a field 'time_zone', which does not exist. Did you mean 'timezone'"):
        check_fields({"to_number": "phone", "time_zone": "tz"})


def test_upper_and_lower_case_are_the_same_and_two_columns_of_one_name_an_error():
    columns = ColumnMapping({"to_number": "phone"}, ["Name"], ["Day"], "ID")
    names = folded(["PHONE", "NAME", "DAY", "Id"])
    columns.check(names)
    new = TEMPLATE.read(1, dict(zip(names, (NUMBER, "Ada", "Mon", 7), strict=True)), columns)
    assert (new.to_number, new.key, new.fields["variables"], new.metadata) == (
        NUMBER, "7", {"Name": "Ada"}, {"Day": "Mon"}
    )  # fmt: skip
    for twice in (["id", "phone", "id"], ["Phone", "phone"]):
        with pytest.raises(InvalidCallError, match="more than one column"):
            folded(twice)


def read_priority(value):
    return TEMPLATE.read(1, {"to_number": NUMBER, "score": value}, ColumnMapping(priority_column="Score"))


@pytest.mark.parametrize(
    ("value", "priority"), [(7, 7), (-0.5, -0.5), (Decimal("3.25"), 3.25), (None, None), (NA(), None)]
)
def test_a_priority_is_a_number_or_no_value(value, priority):
    assert (read_priority(value).priority, read_priority(value).wrong) == (priority, None)


@pytest.mark.parametrize("value", ["7", "high", True, float("inf"), Decimal("-Infinity"), 10**400, [7]])
def test_a_row_whose_priority_is_not_a_number_is_set_aside(value):
    assert read_priority(value).wrong == "invalid_priority"
