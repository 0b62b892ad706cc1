"""In every region that libphonenumber knows, a number is read as what it is, or rejected: never as another one."""

from __future__ import annotations

import re
from collections.abc import Iterator

import phonenumbers
import pytest
from phonenumbers import PhoneNumber, PhoneNumberFormat, PhoneNumberType

from airflow_provider_voiceinfra.errors import InvalidNumberError
from airflow_provider_voiceinfra.phone_numbers.e164 import to_e164

REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)
KINDS = [kind for kind in range(11) if kind != PhoneNumberType.PREMIUM_RATE]
ABROAD = ("AU", "BO", "BR", "CO", "DE", "FI", "HK", "JP", "KR", "RU", "SG", "TH", "US")
"""Regions that dial abroad in different ways, some of which overlap."""
GOOD_FORMS_REJECTED = {("GA", "06 03 12 34"), ("GA", "06 03 23 37")}
"""Region and text of national and international forms that are rejected: +241 06… or, of an older plan, +241 6…"""


def examples(region: str) -> list[PhoneNumber]:
    """Return a number of each kind, and some whose last digits differ."""
    found = []
    for kind in KINDS:
        example = phonenumbers.example_number_for_type(region, kind)
        for more in (0, 1_103) if example else ():
            other = PhoneNumber()
            other.merge_from(example)
            other.national_number = example.national_number + more
            if phonenumbers.number_type(other) not in (PhoneNumberType.UNKNOWN, PhoneNumberType.PREMIUM_RATE):
                found.append(other)
    return found


def good_forms(number: PhoneNumber, region: str) -> Iterator[tuple[str, str | None]]:
    """Write a number as books, letterheads and links do; with the region where it is read so."""
    for form in (PhoneNumberFormat.INTERNATIONAL, PhoneNumberFormat.RFC3966, PhoneNumberFormat.E164):
        text = phonenumbers.format_number(number, form)
        yield text, None
        yield text, region
    yield phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL), region


def odd_forms(number: PhoneNumber, region: str) -> Iterator[tuple[str | int, str]]:
    """Write a number as exports and integer columns do, and as it is dialled from abroad."""
    national = phonenumbers.national_significant_number(number)
    yield national, region
    yield int(national), region
    yield f"{number.country_code}{national}", region
    yield int(f"{number.country_code}{national}"), region
    yield re.sub(r"\D", "", phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL)), region
    # A few of them for each number: all, for all numbers, would take a minute.
    for other in {ABROAD[(int(national) + each) % len(ABROAD)] for each in (0, 3, 7)}:
        dialled = phonenumbers.format_out_of_country_calling_number(number, other)
        yield dialled, other
        yield re.sub(r"[^\d+]", "", dialled), other
        yield f"00{number.country_code}{national}", other


def read(text: str | int, region: str | None) -> str | None:
    try:
        return to_e164(text, field="to_number", region=region)
    except InvalidNumberError:
        return None


def test_every_national_and_international_form_is_read_as_its_own_number():
    rejected = set()
    for region in REGIONS:
        for number in examples(region):
            e164 = phonenumbers.format_number(number, PhoneNumberFormat.E164)
            for text, where in good_forms(number, region):
                found = read(text, where)
                assert found in (e164, None), (text, where)
                if found is None:
                    rejected.add((region, text))
    assert rejected == GOOD_FORMS_REJECTED
    assert len(rejected) <= 5


@pytest.mark.parametrize("part", range(2))
def test_no_other_form_is_read_as_another_number(part):
    for region in REGIONS[part::2]:
        for number in examples(region):
            e164 = phonenumbers.format_number(number, PhoneNumberFormat.E164)
            for text, where in odd_forms(number, region):
                assert read(text, where) in (e164, None), (text, where)


@pytest.mark.parametrize("region", ["DE", "ID", "SE", "XK"])
def test_digits_that_are_a_national_and_a_whole_number_are_ambiguous(region):
    reasons = set()
    for number in examples(region):
        with_country_code = phonenumbers.format_number(number, PhoneNumberFormat.E164).removeprefix("+")
        for digits in (with_country_code, int(with_country_code)):
            try:
                to_e164(digits, field="to_number", region=region)
            except InvalidNumberError as error:
                reasons.add(error.reason)
    assert reasons == {"ambiguous_number"}


def test_no_area_code_of_north_america_is_ambiguous():
    regions = phonenumbers.region_codes_for_country_code(1)
    area_codes = 0
    for area_code in range(200, 1_000):
        number = PhoneNumber(1, int(f"{area_code}2345678"))
        if phonenumbers.number_type(number) in (PhoneNumberType.UNKNOWN, PhoneNumberType.PREMIUM_RATE):
            continue
        area_codes += 1
        national = str(number.national_number)
        for text in (national, int(national), f"1{national}", int(f"1{national}")):
            for region in ("US", regions[area_code % len(regions)]):
                assert to_e164(text, field="to_number", region=region) == f"+1{national}"
    assert area_codes > 400
