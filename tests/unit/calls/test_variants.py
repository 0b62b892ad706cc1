"""Each row of a list gets one of its variants, and always the same one."""

from __future__ import annotations

from collections import Counter

import pytest

from airflow_provider_voiceinfra.errors import InvalidCallError
from airflow_provider_voiceinfra.lists.column_mapping import ColumnMapping
from airflow_provider_voiceinfra.lists.source_rows import CallDefaults
from airflow_provider_voiceinfra.lists.variants import check_variants, choose_variant
from airflow_provider_voiceinfra.policies import Variant
from airflow_provider_voiceinfra.store.lists.row_values import DueRow
from airflow_provider_voiceinfra.store.models import Source
from tests.support.call_samples import NUMBER, account

SHORT, LONG = Variant(1, first_message="Hi {name}."), Variant(3, agent_id="agent_long")
VARIANTS = {"short": SHORT, "long": LONG}
KEYS = [f"customer-{number}" for number in range(4_000)]
BOTH = {choose_variant(VARIANTS, key): key for key in KEYS}


def read(key=None, variants=VARIANTS, prefix="list", **row):
    defaults = CallDefaults(account(), prefix, first_message="Hello.", variants=variants)
    columns = ColumnMapping(key_column=None if key is None else "id")
    return defaults.read(1, {"to_number": NUMBER, "id": key, "name": "Ada", **row}, columns)


def test_rows_are_shared_by_weight():
    counts = Counter(choose_variant(VARIANTS, key) for key in KEYS)
    assert counts["short"] / len(KEYS) == pytest.approx(0.25, abs=0.03)


def test_another_variant_takes_its_share_and_changes_no_other_row():
    more = {"new": Variant(4), **VARIANTS}
    before, after = ({key: choose_variant(each, key) for key in KEYS} for each in (VARIANTS, more))
    changed = {key for key in KEYS if before[key] != after[key]}
    assert {after[key] for key in changed} == {"new"}
    assert len(changed) / len(KEYS) == pytest.approx(0.5, abs=0.03)


def test_a_row_keeps_its_variant_in_every_list_and_order():
    other_way = dict(reversed(VARIANTS.items()))
    for name, key in BOTH.items():
        rows = [read(key), read(key, prefix="another list"), read(key, other_way), read(key, to_number="+14155550101")]
        assert {each.fields["variant"] for each in rows} == {name}
    # Pinned: another version of the package may not choose otherwise.
    assert [choose_variant(VARIANTS, key) for key in KEYS[:8]] == ["long"] * 5 + ["short", "long", "short"]


def test_a_row_without_a_key_has_one_by_its_number():
    assert read().fields["variant"] == choose_variant(VARIANTS, NUMBER)


def test_its_fields_are_used_where_the_row_has_none_and_placeholders_are_filled():
    short, long = read(BOTH["short"]), read(BOTH["long"])
    assert (short.fields["first_message"], short.fields["agent_id"]) == ("Hi Ada.", account().agent_id)
    assert (long.fields["first_message"], long.fields["agent_id"]) == ("Hello.", "agent_long")
    assert read(BOTH["short"], first_message="Dear {name}.").fields["first_message"] == "Dear {name}."
    assert read(BOTH["long"], agent_id="agent_own").fields["agent_id"] == "agent_own"


@pytest.mark.parametrize("attempt", [1, 2])
def test_its_calls_say_which_variant_they_are(attempt):
    new = read(BOTH["long"])
    row = DueRow(7, 1, 1, new.key, new.to_number, new.fields, {}, attempt, None)
    defaults = CallDefaults(account(), "list", variants={"another": Variant()})
    intent = defaults.intent("vl_1", row, Source("dag", "run", "run", "call"))
    assert (intent.variant, intent.request.agent_id) == ("long", "agent_long")
    assert intent.claim_request(account()).variant == "long"


def test_columns_of_its_placeholders_must_exist():
    assert CallDefaults(account(), "list", variants=VARIANTS).text_columns() == ("name",)
    broken = {"short": Variant(context="{name.first}")}
    with pytest.raises(InvalidCallError, match="context of variant 'short' has a placeholder"):
        CallDefaults(account(), "list", variants=broken).text_columns()


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({"weight": 0}, ValueError, "weight must be"),
        ({"weight": "1"}, TypeError, "weight must be"),
        ({"weight": True}, TypeError, "weight must be"),
        ({"first_message": 7}, TypeError, "first_message must be"),
        ({"first_message": "Hello {{ ds }}."}, ValueError, "first_message of a Variant is not rendered"),
    ],
)
def test_a_variant_that_makes_no_sense_is_an_error_when_the_dag_is_parsed(arguments, error, said):
    with pytest.raises(error, match=said):
        Variant(**arguments)


@pytest.mark.parametrize("given", [[], {}, {"short": "Hello."}, {"": SHORT}, {"x" * 65: SHORT}, {7: SHORT}])
def test_so_are_variants_that_are_not_a_dict_of_them(given):
    with pytest.raises((TypeError, ValueError), match="variants must be a dict"):
        check_variants(given)


def test_what_a_variant_says_is_not_shown():
    assert "Ada" not in repr(Variant(first_message="Hello Ada.", context="Ada owes us money."))
