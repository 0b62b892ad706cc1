"""One call has one key in every try, and no key shows a number."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from airflow_provider_voiceinfra.calls.errors import InvalidCallError
from airflow_provider_voiceinfra.calls.keys import own_key, task_key
from airflow_provider_voiceinfra.calls.numbers import hash_number
from airflow_provider_voiceinfra.store.records import Source

NUMBER = "+14155550100"
TASK = Source("dag", "manual__1", "2026-01-02", "call", map_index=2)


def default(source: Source = TASK, *, number: str = NUMBER) -> str:
    return task_key(source, to_number=number).text


def test_every_try_and_every_clear_has_the_same_key():
    assert default() == default(replace(TASK, generation=3))


@pytest.mark.parametrize(
    "change", [{"dag_id": "b"}, {"run": "b"}, {"task_id": "b"}, {"map_index": 3}, {"map_index": -1}], ids=str
)
def test_every_other_task_has_another_key(change):
    assert default() != default(replace(TASK, **change))


def test_every_number_has_another_key():
    assert default() != default(number="+14155550101")


def test_a_run_that_is_made_anew_for_its_day_has_the_same_key():
    assert default() == default(replace(TASK, run_id="manual__2"))


def test_a_default_key_shows_no_number():
    key = task_key(TASK, to_number=NUMBER)
    assert key.label.startswith("dag/2026-01-02/call/2/")
    assert "5550100" not in key.label + key.text + repr(key)
    assert not key.own


def test_an_own_key_is_its_text_wherever_it_is_used():
    assert own_key(" reminder-7 ", to_number=NUMBER) == own_key("reminder-7", to_number="+4930123456")
    assert own_key("reminder-7", to_number=NUMBER).label == "reminder-7"
    assert own_key("reminder-7", to_number=NUMBER).own


def test_an_own_key_is_never_a_default_key():
    assert own_key(default().removeprefix("task:"), to_number=NUMBER).text != default()


@pytest.mark.parametrize("key", ["", "  ", "\n", None, 7])
def test_an_own_key_that_is_empty_is_refused(key):
    with pytest.raises(InvalidCallError, match="idempotency_key is empty"):
        own_key(key, to_number=NUMBER)


@pytest.mark.parametrize("key", ["a\0b", "a\ud800b"])
def test_an_own_key_that_cannot_be_stored_is_refused(key):
    with pytest.raises(InvalidCallError, match="idempotency_key holds"):
        own_key(key, to_number=NUMBER)


@pytest.mark.parametrize(
    "written",
    [
        "+14155550100",
        "14155550100",
        "4155550100",
        "0014155550100",
        "+1 415 555 0100",
        "(415) 555-0100",
        "+1 (415) 555-0100",
        "+1 (415) - 555 - 0100",
        "415.555.0100",
        "415_555_0100",
        "415/555/0100",
        "415\u2013555\u20130100",
        "1\u00a0415\u00a0555\u00a00100",
    ],
)
def test_an_own_key_shows_no_number_however_it_is_written(written):
    key = own_key(f"reminder-{written}-2026", to_number=NUMBER)
    digits = re.sub(r"\D", "", key.label)
    assert "5550100" not in digits
    assert "•••0100" in key.label
    assert hash_number(NUMBER) not in key.label  # a thousand tries would find what the mask hides
    assert key.label.startswith("reminder-")
    assert key.label.endswith("-2026")
    assert written not in repr(key)


def test_another_number_in_an_own_key_is_hidden_too():
    assert own_key("pair +14155550199", to_number=NUMBER).label == "pair +1415•••0199"
