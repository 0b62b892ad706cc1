"""One call has one key in every try, and no key shows a number."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_voiceinfra.calls.keys import nameless_row_key, notifier_key, own_key, row_key, task_key
from airflow_provider_voiceinfra.errors import InvalidCallError
from airflow_provider_voiceinfra.phone_numbers.e164 import number_digest
from airflow_provider_voiceinfra.store.hashing import hash_key, join_parts
from airflow_provider_voiceinfra.store.models import Source

NUMBER = "+14155550100"
TASK = Source("dag", "manual__1", "2026-01-02", "call", map_index=2)


def default(source: Source = TASK, *, number: str = NUMBER) -> str:
    return task_key(source, to_number=number).text


def test_every_try_and_every_clear_has_the_same_key():
    assert default() == default(replace(TASK, generation=3))


@pytest.mark.parametrize(
    "change", [{"dag_id": "b"}, {"logical_run": "b"}, {"task_id": "b"}, {"map_index": 3}, {"map_index": -1}], ids=str
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
    for text in (default(), default().removeprefix("task/")):
        assert own_key(text, to_number=NUMBER).text != default()


@pytest.mark.parametrize("key", ["", "  ", "\n", None, 7])
def test_an_own_key_that_is_empty_is_refused(key):
    with pytest.raises(InvalidCallError, match="idempotency_key is empty"):
        own_key(key, to_number=NUMBER)


@pytest.mark.parametrize("key", ["a\0b", "a\ud800b"])
def test_an_own_key_that_cannot_be_stored_is_refused(key):
    with pytest.raises(InvalidCallError, match="idempotency_key contains"):
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
    assert number_digest(NUMBER) not in key.label  # a thousand tries would find what the mask hides
    assert key.label.startswith("reminder-")
    assert key.label.endswith("-2026")
    assert written not in repr(key)


def test_another_number_in_an_own_key_is_hidden_too():
    assert own_key("pair +14155550199", to_number=NUMBER).label == "pair +1415•••0199"


def test_the_keys_of_lists_and_notifiers_show_no_number():
    keys = [
        nameless_row_key("vl_1", to_number=NUMBER),
        row_key("reminder", NUMBER, to_number=NUMBER),
        notifier_key(("dag", "run", "0"), "words", to_number=NUMBER),
    ]
    for key in keys:
        assert "•••0100" in key.label
        assert number_digest(NUMBER) not in key.label
        assert "5550100" not in key.label + repr(key)


# What keys are made of: what else stands in them, or is a part of them elsewhere; the last two are one letter.
_WORDS = st.lists(
    st.sampled_from(("a", "%", "0", "own", "task", "vl_1", "attempt-2", "clear-1", "\u0338", "\u0301", "é", "e\u0301")),
    min_size=6,
    max_size=8,
)
_BETWEEN = st.sampled_from(("", "/", "%2F", "%252F"))
_KINDS = {"own": 1, "list": 1, "row": 2, "task": 3, "notify": 3}
_COUNT = st.integers(0, 2)


def _normal(parts):
    return [unicodedata.normalize("NFC", part) for part in parts]


@st.composite
def _parts(draw, words, count):
    """The same words in parts: what is an end of a part here may be a slash within one there."""
    ends = draw(st.sets(st.integers(1, len(words) - 1), min_size=count - 1, max_size=count - 1))
    parts = [words[0]]
    for place, word in enumerate(words[1:], 1):
        if place in ends:
            parts.append(word)
        else:
            parts[-1] += draw(_BETWEEN) + word
    return parts


@st.composite
def _key(draw, words):
    """A key, and what it is made of."""
    kind, clear, attempt, index = draw(st.sampled_from(list(_KINDS))), draw(_COUNT), draw(_COUNT) + 1, draw(_COUNT) - 1
    parts = draw(_parts(words, _KINDS[kind]))
    match kind:
        case "own":
            key = own_key(*parts, to_number=NUMBER, clear=clear, attempt=attempt)
        case "task":
            source = Source(parts[0], "", parts[1], parts[2], index)
            key = task_key(source, to_number=NUMBER, clear=clear, attempt=attempt)
        case "row":
            key = row_key(*parts, to_number=NUMBER, attempt=attempt)
        case "list":
            key = nameless_row_key(*parts, to_number=NUMBER, attempt=attempt)
        case "notify":
            key = notifier_key(parts, "words", to_number=NUMBER)
    return key, (kind, _normal(parts), key.clear, key.attempt, index if kind == "task" else None)


@st.composite
def _of_the_same_words(draw, make):
    words = draw(_WORDS)
    return draw(make(words)), draw(make(words))


@given(_of_the_same_words(_key))
def test_keys_are_the_same_only_where_all_their_parts_are(two):
    (key, parts), (other_key, other_parts) = two
    assert (hash_key(key.full_text) == hash_key(other_key.full_text)) == (parts == other_parts)


@given(_of_the_same_words(lambda words: st.integers(1, 4).flatmap(lambda count: _parts(words, count))))
def test_parts_are_joined_so_that_no_others_give_the_same_key(two):
    one, other = two
    same = _normal(one) == _normal(other)
    assert (join_parts(*one) == join_parts(*other)) == same
    assert (hash_key(join_parts(*one)) == hash_key(join_parts(*other))) == same


@given(_WORDS.map("".join))
def test_a_key_is_the_same_in_either_of_unicodes_forms(text):
    decomposed = unicodedata.normalize("NFD", text)
    assert own_key(text, to_number=NUMBER) == own_key(decomposed, to_number=NUMBER)
    assert hash_key(text) == hash_key(decomposed)


def test_a_users_key_is_never_an_attempt_or_a_clear_of_another():
    mine = own_key("x", to_number=NUMBER, clear=1, attempt=2)
    for text in ("x/attempt-2", "x/clear-1", "x/clear-1/attempt-2"):
        assert own_key(text, to_number=NUMBER).full_text not in {mine.full_text, replace(mine, clear=0).full_text}
