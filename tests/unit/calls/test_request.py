"""A call's fields are checked one by one, before anything is claimed or sent."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_voiceinfra.calls.request import CallRequest, plain_object
from airflow_provider_voiceinfra.errors import InvalidCallError
from tests.support.call_samples import CALLER, CONTEXT, NUMBER, VARIABLES, account, intent, request, shows_no_secret


def test_the_body_is_what_the_api_documents():
    assert request(first_message="Hi").body() == {
        "agent_id": "agent-1",
        "from_number": CALLER,
        "to_number": NUMBER,
        "first_message": "Hi",
        "context": CONTEXT,
        "variables": VARIABLES,
    }


def test_what_is_not_given_is_not_sent():
    body = CallRequest.build(account(), to_number=NUMBER).body()
    assert set(body) == {"agent_id", "from_number", "to_number"}


def test_the_connection_gives_what_the_call_does_not():
    ours = account(default_region="US", from_number="(415) 555-0199")
    assert CallRequest.build(ours, to_number="(415) 555-0147") == CallRequest("agent-1", CALLER, NUMBER)
    other = CallRequest.build(
        ours, to_number="030 123456", agent_id="b", from_number="+442079460000", default_region="DE"
    )
    assert other == CallRequest("b", "+442079460000", "+4930123456")


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"to_number": None}, "to_number is empty"),
        ({"to_number": "911"}, "to_number ••• has no country code"),
        ({"from_number": "12345"}, "from_number ••• has no country code"),
        ({"to_number": 4155550147}, "to_number must be a string such as '+1 800 555 0199': quote it"),
        ({"to_number": Decimal(4155550147)}, "to_number must be a string such as '+1 800 555 0199': quote it"),
        ({"from_number": 4155550199}, "from_number must be a string such as '+1 800 555 0199': quote it"),
        ({"agent_id": " "}, "agent_id is missing: pass it, or set it on the connection 'voiceinfra_default'"),
        ({"agent_id": "a\nb"}, "agent_id is not a valid id"),
        ({"agent_id": "a" * 256}, "agent_id is not a valid id"),
        ({"first_message": 7}, "first_message must be a string, not int"),
        ({"first_message": "a\0b"}, "first_message contains a NUL"),
        ({"context": {"a": 1}}, "context must be a string, not dict"),
        ({"context": "a\ud800b"}, "context contains a NUL or half a character"),
        ({"variables": [1]}, "variables must be an object such as {'name': 'Sarah'}, not list"),
        ({"variables": "{'name': 'Wilhelmina'}"}, "set render_template_as_native_obj"),
        ({"variables": {"a": float("inf")}}, "variables contains a value that is not valid in JSON"),
        ({"variables": {"a": {1, 2}}}, "variables contains a value that is not valid in JSON"),
        ({"variables": {("a",): 1}}, "variables contains a value that is not valid in JSON"),
        ({"variables": {"a": ["b\0c"]}}, "variables contains a NUL"),
        ({"variables": {"a\ud800": 1}}, "variables contains a NUL or half a character"),
        ({"default_region": "EU"}, "default_region 'EU' is not a country code"),
    ],
)
def test_a_bad_field_has_its_sentence(fields, says):
    with pytest.raises(InvalidCallError) as error:
        request(**fields)
    assert says in str(error.value)
    assert shows_no_secret(str(error.value))


@pytest.mark.parametrize("name", ["agent_id", "from_number"])
def test_a_field_that_neither_call_nor_connection_gives(name):
    with pytest.raises(InvalidCallError, match=f"{name} is missing: .*'voiceinfra_default'"):
        CallRequest.build(account(**{name: None}), to_number=NUMBER)


def test_what_holds_itself_cannot_be_sent():
    loop: dict[str, object] = {}
    loop["loop"] = loop
    with pytest.raises(InvalidCallError, match="not valid in JSON"):
        request(variables=loop)


def test_values_of_a_warehouse_become_text():
    row = {
        "day": date(2026, 1, 2),
        "at": datetime(2026, 1, 2, 3, 4, tzinfo=UTC),
        "time": time(3, 4),
        "balance": Decimal("12.30"),
        "id": UUID(int=1),
        "count": 3,
        "ratio": 0.5,
        "vip": True,
        "none": None,
        "text": r"a literal \u0000, and emoji 🙂",
    }
    assert plain_object("variables", row) == row | {
        "day": "2026-01-02",
        "at": "2026-01-02T03:04:00+00:00",
        "time": "03:04:00",
        "balance": "12.30",
        "id": "00000000-0000-0000-0000-000000000001",
    }


@given(st.dictionaries(st.text(), st.none() | st.integers() | st.text() | st.lists(st.text()), max_size=4))
def test_any_object_is_sent_as_it_is_or_refused(value):
    try:
        plain = plain_object("variables", value)
    except InvalidCallError:
        assert any(letter in str([*value, *value.values()]) for letter in ("\\x00", "\\ud"))
    else:
        assert json.loads(json.dumps(plain)) == value


def test_a_fingerprint_tells_which_fields_differ_and_nothing_else():
    first, same = request().fingerprint(), request(to_number="+1 (415) 555-0147").fingerprint()
    assert first == same
    changed = request(context="other", variables=None).fingerprint()
    assert {name for name in first if first[name] != changed.get(name)} == {"context", "variables"}
    assert shows_no_secret(str(first))


def test_a_fingerprint_does_not_depend_on_the_order_of_variables():
    one, other = {"a": 1, "b": {"c": 2, "d": 3}}, {"b": {"d": 3, "c": 2}, "a": 1}
    assert request(variables=one).fingerprint() == request(variables=other).fingerprint()
    # The same in every process and on every day: it is compared with what is stored.
    assert request(variables={"a": 1}).fingerprint()["variables"] == "f9d86028c6e0d64e"


def test_repr_shows_no_number_no_words_and_no_key():
    assert shows_no_secret(repr([request(), account(), intent(f"reminder {NUMBER}"), intent(None)]))
    assert "agent-1" in repr(request())
