"""Whatever a body holds, it is understood or said not to be; nothing else happens."""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from datetime import UTC

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from airflow_provider_voiceinfra.store.completion_body import NotUnderstoodError, parse_completion, says_the_same
from tests.unit.store.samples import body

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
def test_any_json_is_a_completion_or_not_understood(fields):
    sent = json.dumps({"call_id": "call-1", "call_outcome": "failed"} | fields).encode()
    try:
        completion = parse_completion(sent)
    except NotUnderstoodError:
        return
    assert 0 < len(completion.call_id) <= 255
    assert completion.duration_seconds is None or 0 <= completion.duration_seconds < 2**31
    assert completion.start_time is None or completion.start_time.tzinfo is UTC
    assert json.loads(sent).keys() == completion.payload.keys()
    assert says_the_same(sent, sent)


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


@pytest.mark.parametrize("depth", [60, 900, 960, 990])
def test_what_is_understood_once_is_understood_anywhere(depth):
    """Deep nesting meets the interpreter's limit earlier where the stack is deep already."""

    def at(frames: int) -> str:
        if frames:
            return at(frames - 1)
        try:
            return parse_completion(nested(depth)).outcome
        except NotUnderstoodError:
            return "not understood"

    assert len({at(0), at(sys.getrecursionlimit() // 2)}) == 1
