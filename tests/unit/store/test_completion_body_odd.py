"""Whatever a body holds, it is understood or said not to be; nothing else happens."""

from __future__ import annotations

import json
import math
import sys
from contextlib import suppress
from datetime import UTC

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from airflow_provider_voiceinfra.store.completion_body import NotUnderstoodError, is_same_body, parse_completion
from airflow_provider_voiceinfra.store.json_body import read_json
from tests.support.store_samples import body

FIELDS = [
    "event",
    "call_id",
    "call_outcome",
    "duration_seconds",
    "start_time",
    "end_time",
    "agent_id",
    "from_number",
    "recording_url",
    "transcript",
    "summary",
    "extracted_data",
]
TIMES = ["2026-01-02T03:04:05Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-W01-1", "24:00"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(TIMES),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
BODIES = st.dictionaries(st.sampled_from(FIELDS) | st.text(), JSON)


def nested(depth: int) -> bytes:
    return body(deep=0).replace(b'"deep": 0', b'"deep": ' + b"[" * depth + b"]" * depth)


@given(BODIES)
@example({"call_id": "a\0b"})
@example({"call_id": "\ud800"})
@example({"duration_seconds": float("nan"), "start_time": "0001-01-01T00:00:00+23:59"})
@example({"call_id": "", "event": None})
@example({"summary": "\0\ud800", "a\0": {"b\udfff": ["\0"]}, "huge": 2**64, "small": -(2**63) - 1, "inf": -math.inf})
def test_any_json_is_a_completion_or_not_understood(fields):
    sent = json.dumps({"call_id": "call-1", "call_outcome": "failed"} | fields).encode()
    try:
        completion = parse_completion(sent)
    except NotUnderstoodError:
        return
    assert 0 < len(completion.call_id) <= 255
    assert completion.duration_seconds is None or 0 <= completion.duration_seconds < 2**31
    assert completion.start_time is None or completion.start_time.tzinfo is UTC
    assert is_same_body(sent, sent)
    # What is handed on is JSON to everybody, and text to every database.
    handed_on = json.dumps(completion.payload, ensure_ascii=False, allow_nan=False)
    assert json.loads(handed_on) == completion.payload
    assert "\\u0000" not in handed_on
    handed_on.encode()


@given(st.binary())
@example(b"")
@example(b"\xff\xfe")
@example(b"[]")
@example(b"null")
@example(b'"call.completed"')
@example(b"1" * 5000)
@example(b"[" * 100_000)
@example(b'{"a":' * 100_000)
@example(b'{"call_id": "\\ud800", "call_outcome": "x"}')
@example(b'{"call_id": "c", "call_outcome": "x", "other": "\\udfff"}')
@example(b'{"call_id": "c", "call_outcome": "x", "\\ud800": 1}')
def test_any_bytes_are_a_completion_or_not_understood(sent):
    with suppress(NotUnderstoodError):
        parse_completion(sent)


@pytest.mark.parametrize("depth", [60, 900, 990, 100_000])
def test_what_is_understood_once_is_understood_anywhere(depth):
    """Deep nesting meets the interpreter's limit earlier where the stack is deep already."""

    def at(frames: int) -> str:
        if frames:
            return at(frames - 1)
        return json.dumps(parse_completion(nested(depth)).payload)

    assert at(0) == at(sys.getrecursionlimit() // 2)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (b"[NaN, Infinity, -Infinity, 1e999, -1e999, 1.5]", [None, None, None, None, None, 1.5]),
        (b"[9223372036854775807, -9223372036854775808]", [2**63 - 1, -(2**63)]),
        (b"[9223372036854775808, -9223372036854775809, %s]" % (b"9" * 10_000), [None, None, None]),
        (rb'"a\u0000b\ud800c\udc00d"', "a\ufffdb\ufffdc\ufffdd"),
        (rb'"\ud83d\ude42"', "\U0001f642"),
        (b'"a\0b\nc\x01"', "a\ufffdb\nc\x01"),
        (b'"caf\xe9"', "caf\ufffd"),
        (rb'{"a\u0000": {"b\ud800": 1}}', {"a\ufffd": {"b\ufffd": 1}}),
        (b"[" * 99 + b"[1, [2]], 3" + b"]" * 99, ...),
        ('{"é": "ü"}'.encode("utf-16"), {"é": "ü"}),
        (b'\xef\xbb\xbf"bom"', "bom"),
    ],
)
def test_what_cannot_be_handed_on_is_null_or_the_replacement_character(written, read):
    found = read_json(written)
    if read is not ...:
        assert found == read
    json.dumps(found, allow_nan=False)


def test_what_is_nested_too_deeply_is_null_and_what_is_beside_it_is_read():
    deep = b'{"a": "]", "deep": ' + b'[{"x": ' * 200 + b'"[{\\"]"' + b"}]" * 200 + b', "b": "}"}'
    found = read_json(deep)
    assert (found["a"], found["b"]) == ("]", "}")
    assert json.dumps(found).count("[") == 50


@pytest.mark.parametrize("tail", [b"", b'"', b"\\", b'\\"' * 1_000_000, b'"' * 1_000_000, b"[" * 1_000_000])
def test_what_never_ends_takes_no_time(tail):
    with pytest.raises(json.JSONDecodeError):
        read_json(b"[" * 101 + b'"' + tail)
