"""The conversations of the sandbox; ``{who}``, ``{date}`` and ``{Date}`` are filled in for each call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Story:
    """A conversation after the agent's opening line, with its summary and extracted data."""

    lines: tuple[str, ...]
    summary: str
    extracted: Mapping[str, object]


# Some callees ask for another day and one cancels, so that a demo has something to branch on.
ABOUT_A_DATE: tuple[Story, ...] = (
    Story(
        (
            "Caller: Oh, good that you call. I had written it down for the wrong week.",
            "Agent: It is {date}. Shall I keep it for you?",
            "Caller: Yes please, I'll be there.",
            "Agent: Wonderful. See you then!",
        ),
        "{who} confirmed {date}.",
        {"confirmed": True, "requested_time": None, "sentiment": "positive"},
    ),
    Story(
        (
            "Caller: {Date}, yes. It's on the fridge, between the dog's jab and the bins.",
            "Agent: Then I shall confirm it. Is there anything you would like to ask?",
            "Caller: Is there somewhere to park?",
            "Agent: Yes, behind the house, free for two hours.",
        ),
        "{who} confirmed {date} and asked about parking.",
        {"confirmed": True, "requested_time": None, "sentiment": "positive"},
    ),
    Story(
        (
            "Caller: Ah. {Date} is my daughter's recital, with a triangle solo. I can't miss it.",
            "Agent: Of course not. What would suit you better?",
            "Caller: Thursday, any time after three.",
            "Agent: I have noted Thursday after three. You will get a confirmation.",
        ),
        "{who} cannot make {date} and asked for Thursday after three.",
        {"confirmed": False, "requested_time": "Thursday after 15:00", "sentiment": "neutral"},
    ),
    Story(
        (
            "Caller: I have to cancel, I'm afraid. I am on a boat. Can you hear the gulls?",
            "Agent: Clearly. I have cancelled {date}. Shall we call when you are back?",
            "Caller: Yes, next month please. Bye now, the fish are biting!",
        ),
        "{who} is travelling, cancelled {date} and would like a call next month.",
        {"confirmed": False, "requested_time": "next month", "sentiment": "positive"},
    ),
    Story(
        (
            "Caller: {Date}? I was just about to set three alarms for it.",
            "Agent: So you will come?",
            "Caller: Nothing could keep me. Well, snow could.",
            "Agent: The forecast is dry. See you then!",
        ),
        "{who} confirmed {date}, unless it snows.",
        {"confirmed": True, "requested_time": None, "sentiment": "positive"},
    ),
    Story(
        (
            "Caller: I'm in a meeting that could have been an email. Can we make it another day?",
            "Agent: Certainly. Which one?",
            "Caller: Friday, first thing in the morning.",
            "Agent: Friday at eight, then. Good luck with the meeting.",
        ),
        "{who} asked to move {date} to Friday at eight.",
        {"confirmed": False, "requested_time": "Friday 08:00", "sentiment": "neutral"},
    ),
)


OPEN_TALK: tuple[Story, ...] = (
    Story(
        (
            "Caller: Yes, that's {who}. Go ahead, the kettle has only just gone on.",
            "Agent: I can send you the details. Would email be fine?",
            "Caller: Email is perfect.",
            "Agent: You will have it within the hour. Enjoy your tea!",
        ),
        "{who} is interested and asked for the details by email.",
        {"interested": True, "call_back": None, "sentiment": "positive"},
    ),
    Story(
        (
            "Caller: I'm on a ladder with a paintbrush in my teeth. Could you call back?",
            "Agent: Of course. When would be better?",
            "Caller: Tomorrow morning. I'll be on the ground by then.",
        ),
        "{who} was busy and asked for a call tomorrow morning.",
        {"interested": True, "call_back": "tomorrow morning", "sentiment": "neutral"},
    ),
    Story(
        (
            "Caller: Thank you, but I have all I need just now.",
            "Agent: That is good to hear. Shall I take you off the list?",
            "Caller: Please. You were very polite about it.",
        ),
        "{who} is not interested and asked not to be called again.",
        {"interested": False, "call_back": None, "sentiment": "neutral"},
    ),
)

NOT_REACHED: tuple[str, ...] = (
    "No answer: it rang for 45 seconds.",
    "The line was busy.",
    "The number is not in service.",
)
