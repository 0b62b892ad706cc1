"""Whatever a webhook holds, its call ends, and what is handed on is JSON to every parser and text to every database."""

from __future__ import annotations

import json
import math

import pytest

from airflow_provider_voiceinfra.store import schema
from tests.integration.dags.test_calls_to_sql import store, warehouse, write  # noqa: F401
from tests.support.store_samples import body, delivery, queued, rows

ODD = {
    "nan": math.nan,
    "inf": math.inf,
    "minus": -math.inf,
    "nul": "a\0b",
    "half": "a\ud800b",
    "huge": 2**64,
    "tiny": -(2**70),
    "digits": 10**4_000,
    "nested": {"deep": [math.nan, "\0", {"\ud800": 2**64}]},
    "plain": 1.5,
}
FIELDS = [
    "summary",
    "transcript",
    "duration_seconds",
    "start_time",
    "agent_id",
    "extracted_data",
    "recording_url",
    "new",
]


def is_plain(value):
    """Return whether a value is JSON to strict parsers, and text to PostgreSQL."""
    written = json.dumps(value, allow_nan=False, ensure_ascii=False)
    written.encode()
    return "\\u0000" not in written


@pytest.mark.parametrize("value", ODD.values(), ids=ODD)
def test_a_value_that_nobody_can_keep_ends_its_call_and_harms_nothing_that_it_is_handed_to(
    store,  # noqa: F811
    warehouse,  # noqa: F811
    value,
):
    sent = body("call-1", **dict.fromkeys(FIELDS, value))
    ours = queued(store, "call-1")
    store.deliveries.keep([delivery(sent)])
    call = store.calls.get(ours.ref)
    assert (call.state, call.completion.outcome) == ("completed", "answered")
    assert [row.body for row in rows(store, schema.completion)] == [sent]
    assert store.quarantine.count() == 0
    assert is_plain(call.completion.payload)
    assert is_plain(call.completion.extracted)
    assert write(completion_fields=["summary", "transcript", "recording_url", "new", "extracted"]) == 1
    (row,) = warehouse.rows()
    assert not any("\0" in each for each in row.values() if isinstance(each, str))
