"""Calls and completions are not stored as XComs: they have numbers and content."""

from __future__ import annotations

import pytest
from airflow.sdk.serde import serialize

from tests.support.store_samples import deliver, queued


def test_a_call_that_a_task_returns_is_rejected_with_what_to_return_instead(store):
    queued(store, "call-1")
    deliver(store, "call-1")
    call = store.calls.get("call-1")
    for value in (call, [call], {"completion": call.completion}):
        with pytest.raises(TypeError, match=r"cannot be an XCom.*Return its call_id or ref"):
            serialize(value)
