"""Numbers are read as people write them, and shown as little as possible."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from airflow_provider_voiceinfra.calls.errors import InvalidCallError
from airflow_provider_voiceinfra.calls.numbers import hash_number, mask, mask_numbers, to_e164

US = "+14155550100"


@pytest.mark.parametrize(
    ("written", "region", "e164"),
    [
        ("+14155550100", None, US),
        (" +1 415 555 0100 ", None, US),
        ("+1 (415) 555-0100", None, US),
        ("+1.415.555.0100", None, US),
        ("+1\u00a0415\u2013555\u20130100", None, US),
        ("0014155550100", None, US),
        ("00 44 20 7946 0000", None, "+442079460000"),
        ("(0044) 20 7946 0000", "GB", "+442079460000"),
        ("+44 (0)20 7946 0000", None, "+442079460000"),
        ("tel:+1-415-555-0100", None, US),
        ("(415) 555-0100", "US", US),
        ("415.555.0100", "us", US),
        ("1 415 555 0100", "US", US),
        ("011 44 20 7946 0000", "US", "+442079460000"),
        ("1-800-FLOWERS", "US", "+18003569377"),
        ("030 123456", "DE", "+4930123456"),
        ("+4930123456", "US", "+4930123456"),
        ("06 12 34 56 78", "FR", "+33612345678"),
        ("٤١٥٥٥٥٠١٠٠", "US", US),
        (4155550100, "US", US),
        (Decimal(4155550100), "US", US),
        ("+14155550100", "", US),
    ],
)
def test_as_people_write_it(written, region, e164):
    assert to_e164(written, field="to_number", region=region) == e164


@pytest.mark.parametrize(
    ("written", "region", "says"),
    [
        (None, "US", "to_number is empty"),
        ("", "US", "to_number is empty"),
        ("  \t", "US", "to_number is empty"),
        ("None", "US", "not a phone number that can be read"),
        ("nan", "US", "not a phone number that can be read"),
        ("call me", "US", "not a phone number that can be read"),
        ("(415) 555-0147", None, "default_region"),
        ("+1 415 555 0147, +1 415 555 0199", None, "not a phone number that can be read"),
        ("+1 415 555 0147 ext. 5", None, "extension"),
        ("+1 415 555 0147 x5", None, "extension"),
        ("911", "US", "not a valid number"),
        ("112", "DE", "not a valid number"),
        ("999", "GB", "not a valid number"),
        ("+1 415 555 014", None, "not a valid number"),
        ("+1 415 555 01470", None, "not a valid number"),
        ("+999 415 555 0147", None, "not a phone number that can be read"),
        ("+1 900 555 0147", None, "premium-rate"),
        ("0900 1234567", "DE", "premium-rate"),
        ("+979 123456789", None, "premium-rate"),
        ("415 555 0147", "USA", "'USA' is no country code"),
        ("415 555 0147", "+14155550147", "default_region"),
    ],
)
def test_what_cannot_be_called_is_refused_with_a_sentence(written, region, says):
    with pytest.raises(InvalidCallError, match=re.escape(says)) as error:
        to_e164(written, field="to_number", region=region)
    assert "555014" not in re.sub(r"\D", "", str(error.value))


@pytest.mark.parametrize(
    "written",
    [30123456.0, "30123456.0", "30123456.", True, [US], [US, US], {"phone": US}, US.encode(), 1.5, Decimal("3.0")],
)
def test_what_may_be_read_as_somebody_elses_number_is_refused(written):
    with pytest.raises(InvalidCallError, match="to_number must be a text") as error:
        to_e164(written, field="to_number", region="DE")
    assert "123456" not in str(error.value)


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (US, "+1415•••0100"),
        ("+442079460000", "+4420•••0000"),
        ("(415) 555-0100", "415•••0100"),
        ("12345678", "1•••5678"),
        ("1234567", "•••"),
        ("911", "•••"),
        ("", "•••"),
        ("no digits", "•••"),
    ],
)
def test_mask(number, shown):
    assert mask(number) == shown


@given(st.text(alphabet="0123456789+-(). ", max_size=24))
def test_a_mask_hides_three_digits_or_all(number):
    digits = re.sub(r"\D", "", number)
    shown = re.sub(r"\D", "", mask(number))
    assert shown == "" or len(digits) - len(shown) >= 3
    assert len(shown) <= 8


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("to_number +14155550100 is invalid", "to_number +1415•••0100 is invalid"),
        ("4155550100", "415•••0100"),
        ("call (415) 555-0100 or +44 20 7946 0000.", "call (415•••0100 or +4420•••0000."),
        ("+1 (415) - 555 - 0100", "+1415•••0100"),
        ("+1 415\u2013555\u20130100", "+1415•••0100"),
        ("415_555_0100", "415•••0100"),
        ('"+14155550100","+14155550199"', '"+1415•••0199"'),
        ("id 123456", "id 123456"),
        ("+1415•••0100", "+1415•••0100"),
        ("", ""),
    ],
)
def test_numbers_in_a_text_are_masked(text, shown):
    assert mask_numbers(text) == shown


@given(st.text(), st.sampled_from(["", " ", "-", ") ", ".", " - ", "\u2013", "_"]), st.text())
@example("a", "", "")
def test_no_number_is_left_in_a_text(before, between, after):
    shown = mask_numbers(f"{before} {between.join('+14155550100'[1:])} {after}")
    assert between.join("14155550100") not in shown


def test_a_hash_stands_for_its_number():
    assert hash_number(US) == hash_number("+14155550100") != hash_number("+14155550101")
    assert "5550100" not in hash_number(US)
