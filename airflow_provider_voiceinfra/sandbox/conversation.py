"""Generates plausible completions, always the same for the same call."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from airflow_provider_voiceinfra.sandbox.records import Dial, iso
from airflow_provider_voiceinfra.sandbox.scenarios import Outcome
from airflow_provider_voiceinfra.sandbox.stories import ABOUT_A_DATE, NOT_REACHED, OPEN_TALK, Story

WORDS_PER_SECOND = 2.4
_NAMES = ("first_name", "name", "full_name", "customer_name", "customer", "patient")
_DATES = ("appointment", "slot", "visit", "delivery", "booking", "reservation", "meeting", "when", "date", "time")


def completion(dial: Dial, outcome: Outcome, *, nth: int = 1) -> dict[str, object]:
    """Return the payload of the call's ``call.completed`` webhook.

    The call starts when it is dialled, and its ``end_time`` follows from its duration, although the sandbox may send
    the webhook sooner.

    :param nth: the index of the call among those to this number, from 1, which varies the conversation
    """
    rng = random.Random(f"{dial.to_number}/{nth}")  # noqa: S311
    conversation = _converse(dial, outcome, rng)
    seconds = _seconds(conversation.transcript, rng)
    return {
        "call_id": dial.call_id,
        "event": "call.completed",
        "from_number": dial.from_number,
        "to_number": dial.to_number,
        "agent_id": dial.agent_id,
        "duration_seconds": seconds,
        "start_time": iso(dial.at),
        "end_time": iso(dial.at + timedelta(seconds=seconds)),
        "call_outcome": outcome,
        "recording_url": f"https://recordings.voiceinfra.example/{dial.call_id}.mp3" if seconds else "",
        "transcript": conversation.transcript,
        "summary": conversation.summary,
        "extracted_data": dict(conversation.extracted),
    }


@dataclass(frozen=True, slots=True)
class _Conversation:
    transcript: str
    summary: str
    extracted: Mapping[str, object]


def _converse(dial: Dial, outcome: Outcome, rng: random.Random) -> _Conversation:
    variables = dial.variables or {}
    name = next((str(variables[key]) for key in _NAMES if variables.get(key)), None)
    if outcome == "failed":
        return _Conversation("", rng.choice(NOT_REACHED), {})
    if outcome == "voicemail":
        return _voicemail(name, dial.first_message)
    date = _date(variables)
    story = rng.choice(ABOUT_A_DATE if date else OPEN_TALK)
    return _answered(story, name, date, dial.first_message)


def _answered(story: Story, name: str | None, date: str | None, first_message: str | None) -> _Conversation:
    opening = first_message or f"Hello{f' {name}' if name else ''}, I am calling with a short question."
    words = {"date": date, "Date": date and date[:1].upper() + date[1:]}
    lines = [f"Agent: {opening}", *(line.format(who=name or "me", **words) for line in story.lines)]
    summary = story.summary.format(who=name or "The callee", **words)
    return _Conversation("\n".join(lines), summary, story.extracted)


def _voicemail(name: str | None, first_message: str | None) -> _Conversation:
    owner = f"You have reached {name}" if name else "I can't come to the phone right now"
    transcript = (
        f"Caller: Hi! {owner}. I am out, or hiding from the phone. Say something nice after the beep.\n"
        f"Agent: {first_message or 'Hello, sorry to have missed you.'} Please call us back when it suits you."
    )
    return _Conversation(transcript, "Reached the voicemail and left a message asking to call back.", {})


def _date(variables: Mapping[str, object]) -> str | None:
    """Return the variable that is most likely the date that the call is about."""
    found = (
        str(value) for word in _DATES for key, value in variables.items() if value and word in key.lower().split("_")
    )
    return next(found, None)


def _seconds(transcript: str, rng: random.Random) -> int:
    return round(len(transcript.split()) / WORDS_PER_SECOND) + rng.randint(2, 9) if transcript else 0
