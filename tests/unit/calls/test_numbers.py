"""Numbers are read as people write them, and shown as little as possible."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from airflow_provider_voiceinfra.errors import InvalidCallError, InvalidNumberError
from airflow_provider_voiceinfra.phone_numbers.e164 import REASONS, mask, mask_numbers, number_digest, to_e164

US = "+14155550100"


@pytest.mark.parametrize(
    ("written", "region", "e164"),
    [
        ("+14155550100", None, US),
        (" +1 415 555 0100 ", None, US),
        ("+1 (415) 555-0100", None, US),
        ("+1.415.555.0100", None, US),
        ("+(1) 415 555 0100", None, US),
        ("(+1) 415 555 0100", None, US),
        ("+1\u00a0415\u2013555\u20130100", None, US),
        ("\u202a+1 415\u200b555\u00ad0100\u202c", None, US),
        ("\uff0b\uff11 415 555 0100", None, US),
        ("٤١٥٥٥٥٠١٠٠", "US", US),
        ("tel:+1-415-555-0100", None, US),
        ("(415) 555-0100", "US", US),
        ("415.555.0100", " us", US),
        ("1 415 555 0100", "US", US),
        ("14155550100", "US", US),
        ("+4930123456", "US", "+4930123456"),
        ("030 123456", "DE", "+4930123456"),
        ("030/123456", "DE", "+4930123456"),
        ("+43/1/2345678", "AT", "+4312345678"),
        ("06 12 34 56 78", "FR", "+33612345678"),
        ("+14155550100", "", US),
        # The 0 in parentheses is left out where a country does so, and belongs to the number in Italy.
        ("+44 (0)20 7946 0000", None, "+442079460000"),
        ("+39 (0)6 1234 5678", None, "+390612345678"),
        # How to call abroad differs from region to region.
        ("011 44 20 7946 0000", "US", "+442079460000"),
        ("(0044) 20 7946 0000", "GB", "+442079460000"),
        ("0044 (0)20 7946 0000", "DE", "+442079460000"),
        ("009 1 415 555 0100", "CO", US),
        ("0011 1 415 555 0100", "AU", US),
        ("001 65 9234 5678", "HK", "+6592345678"),
        ("00 1 415 555 0100", "HK", US),
        ("8~10 1 415 555 0100", "RU", US),
        # Queries and data frames.
        (4155550100, "US", US),
        (Decimal(4155550100), "US", US),
        (301234567, "DE", "+49301234567"),
    ],
)
def test_a_number_is_read_as_people_write_it(written, region, e164):
    assert to_e164(written, field="to_number", region=region) == e164


@pytest.mark.parametrize(
    ("written", "region", "reason"),
    [
        (None, "US", "missing"),
        ("", "US", "missing"),
        ("  \t", "US", "missing"),
        ("None", "US", "not_a_number"),
        ("nan", "US", "not_a_number"),
        ("call me", "US", "not_a_number"),
        (float("nan"), "US", "not_a_number"),
        (True, "US", "not_a_number"),
        ([US], "US", "not_a_number"),
        ({"phone": US}, "US", "not_a_number"),
        (US.encode(), "US", "not_a_number"),
        (-4155550147, "US", "not_a_number"),
        ("-4155550147", "US", "not_a_number"),
        ("+1415•••0147", "US", "not_a_number"),
        ("2026-11-23", "DE", "not_a_number"),
        ("23.11.2026", "DE", "not_a_number"),
        # Letters are not digits.
        ("415 555 O147", "US", "not_a_number"),
        ("+49 30 123456 mobil", "DE", "not_a_number"),
        ("030 123456 Anna", "DE", "not_a_number"),
        ("1-800-FLOWERS", "US", "not_a_number"),
        ("415 555 014\u00b2", "US", "not_a_number"),
        ("*31#415 555 0147", "US", "not_a_number"),
        ("tel:415-555-0147;phone-context=+1", "US", "not_a_number"),
        # Written from right to left.
        ("\u202e7410 555 514 1+", "US", "not_a_number"),
        # A plus sign anywhere but in front, or more than one.
        ("++1 415 555 0147", None, "not_a_number"),
        ("011+44 20 7946 0147", "US", "not_a_number"),
        ("+1 415 555 0147 +1 415 555 0199", None, "not_a_number"),
        ("+1 415 555 0147, +1 415 555 0199", None, "not_a_number"),
        ("030 123456\n0171 1234567", "DE", "not_a_number"),
        # Spreadsheets and data frames.
        (4155550147.0, "US", "digits_lost"),
        ("4155550147.0", "US", "digits_lost"),
        ("30123456.", "DE", "digits_lost"),
        ("30123456,5", "DE", "digits_lost"),
        ("1.41555501E10", "US", "digits_lost"),
        ("1,41555501e+10", "US", "digits_lost"),
        ("4.368112345678E12", "AT", "digits_lost"),
        (Decimal("1.41555501E10"), "US", "digits_lost"),
        (Decimal("4155550147.00"), "US", "digits_lost"),
        ("(415) 555-0147", None, "no_country_code"),
        (4155550147, None, "no_country_code"),
        ("0014155550147", None, "no_country_code"),
        ("+999 415 555 0147", None, "unknown_country_code"),
        ("+00 1 415 555 0147", None, "unknown_country_code"),
        ("0044 20 7946 0147", "US", "international_prefix"),
        # The digits of a national number, and of a whole one.
        ("4915123456789", "DE", "ambiguous_number"),
        (4915123456789, "DE", "ambiguous_number"),
        # Abroad by 001 to Singapore, or by 00 to Alabama.
        ("0016592345678", "HK", "ambiguous_number"),
        ("0016592345678", "SG", "ambiguous_number"),
        # The same, where the prefix stands apart, but no country code does.
        ("001 6592345678", "HK", "ambiguous_number"),
        # Two numbers of Gabon are written alike.
        ("06 03 12 34", "GA", "ambiguous_number"),
        # Paris by the prefix of Europe, Budapest by one of Singapore.
        ("0033 6 12 34 56 78", "SG", "ambiguous_number"),
        # A mobile, or a landline in Voghera, whose first 0 is lost.
        (383911746, "IT", "ambiguous_number"),
        ("+39 (0)383 911746", None, "ambiguous_number"),
        ("030 123456/57", "DE", "several_numbers"),
        ("030 1234 / 030 4321", "DE", "several_numbers"),
        ("089 1234 089 4321", "DE", "several_numbers"),
        ("030 123456 / 0171 1234567", "DE", "too_long"),
        ("+1 415 555 0147 x5", None, "extension"),
        ("+1 415 555 0147 ext. 5", None, "extension"),
        ("tel:+1-415-555-0147;ext=5", None, "extension"),
        ("+1 415 555 0147,,5", None, "extension"),
        ("415 555 0147 #5", "US", "extension"),
        ("+7 495 123-45-67 доб. 5", None, "extension"),
        ("030 123456 ~ 12", "DE", "extension"),
        ("911", "US", "too_short"),
        ("112", "DE", "too_short"),
        ("555 0147", "US", "too_short"),
        ("+1 415 555 014", None, "too_short"),
        ("+1 415 555 01470", None, "too_long"),
        ("+49 30 1234567890123", None, "too_long"),
        ("442079460147", "US", "too_long"),
        ("+1 155 555 0147", None, "invalid_number"),
        ("+1 900 555 0147", None, "premium_rate"),
        ("0900 1234567", "DE", "premium_rate"),
        ("+979 123456789", None, "premium_rate"),
    ],
)
def test_a_value_that_is_not_exactly_one_number_is_rejected_with_its_reason(written, region, reason):
    with pytest.raises(InvalidNumberError, match=re.escape(f" {REASONS[reason]}")) as error:
        to_e164(written, field="to_number", region=region)
    assert error.value.reason == reason
    assert str(error.value).startswith("to_number ")
    digits = re.sub(r"\D", "", str(error.value).replace("+1 800 555 0199", ""))
    assert "555014" not in digits
    assert "123456" not in digits


@pytest.mark.parametrize("region", ["USA", "UK", "+14155550147", "1"])
def test_a_region_that_does_not_exist_is_not_the_numbers_fault(region):
    with pytest.raises(InvalidCallError, match="is not a country code: write it like US") as error:
        to_e164("415 555 0100", field="to_number", region=region)
    assert not isinstance(error.value, InvalidNumberError)
    assert "555014" not in str(error.value)


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
    assert number_digest(US) == number_digest("+14155550100") != number_digest("+14155550101")
    assert "5550100" not in number_digest(US)
