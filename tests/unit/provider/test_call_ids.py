"""What a sensor may be given as ``call_id`` when it runs, and what not."""

from __future__ import annotations

import pytest

from airflow_provider_voiceinfra.sensors.call_ids import CallIdError, read_call_ids


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("call-1", (("call-1",), 0)),
        (["call-1", "call-2"], (("call-1", "call-2"), 0)),
        (("call-1", None, "None", ""), (("call-1",), 3)),
        ([], ((), 0)),
    ],
)
def test_ids_are_read_and_missing_ones_of_a_sequence_counted(given, expected):
    assert read_call_ids(given) == expected


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (None, "call_id is None: no call was placed"),
        ("", "call_id is '': no call was placed"),
        (" ", "no call was placed"),
        ("None", "call_id is 'None': no call was placed"),
        ([None, "None"], "All 2 ids in call_id are missing"),
        ("['call-1', 'call-2']", "string made of a list"),
        ("[]", "string made of a list"),
        ("{'call_id': 'call-1'}", "string made of a list"),
        ("LazyXComSequence([2 items])", "string made of a list"),
        (["['call-1']"], "string made of a list"),
        ({"call_id": "call-1"}, "not dict"),
        ([{"call_id": "call-1"}], "not dict"),
        (4711, "not int"),
    ],
)
def test_what_is_no_id_fails_at_once(given, message):
    with pytest.raises(CallIdError, match=message.replace("[", r"\[")):
        read_call_ids(given)
