"""A transcript is read as a conversation, however it is written."""

from __future__ import annotations

import pytest

from airflow_provider_voiceinfra.calls.transcript import conversation


def said(transcript):
    return [(turn.speaker, turn.text) for turn in conversation(transcript)]


def test_each_label_begins_a_turn_and_lines_without_one_go_on():
    assert said("Agent: Hello.\nCaller: Hello.\nWho is this?\nAgent: The practice.\n") == [
        ("Agent", "Hello."),
        ("Caller", "Hello.\nWho is this?"),
        ("Agent", "The practice."),
    ]
    assert [turn.by_agent for turn in conversation("Agent: a\nCaller: b\nAI: c")] == [True, False, True]


@pytest.mark.parametrize(
    ("transcript", "turns"),
    [
        ("", []),
        ("\n \n", []),
        ("no labels at all", [("", "no labels at all")]),
        ("Agent: one\nAgent: two", [("Agent", "one\ntwo")]),
        ("Agent:\nCaller: x", [("Caller", "x")]),
        ("at 10:30 then", [("", "at 10:30 then")]),
        ("Agent: the time is: now", [("Agent", "the time is: now")]),
        ("  Caller:x\r\nAgent: y", [("Caller", "x"), ("Agent", "y")]),
        ("<b>Agent</b>: x", [("", "<b>Agent</b>: x")]),
    ],
)
def test_odd_ones_lose_no_word(transcript, turns):
    assert said(transcript) == turns
