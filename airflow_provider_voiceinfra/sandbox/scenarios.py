"""The scenarios of calls, selected by the callee's number, like Twilio's magic numbers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto
from typing import Literal

Outcome = Literal["answered", "voicemail", "failed"]
OUTCOMES: tuple[Outcome, ...] = ("answered", "voicemail", "failed")

OTHER_NUMBER = "+12125550000"
"""A number that was not called."""

_MAGIC_NUMBER = re.compile(r"\+1[2-9]\d{2}55501(\d{2})")


class Answer(Enum):
    """How the answer to a POST reaches the client."""

    WHOLE = auto()
    SLOW = auto()
    AFTER_INTERIM = auto()
    CLOSED = auto()
    RESET = auto()
    CUT_OFF = auto()
    UNREADABLE = auto()
    WITHOUT_CALL_ID = auto()
    OTHER_NUMBER = auto()


class Throttle(Enum):
    """The ``Retry-After`` of the 429 to the first POST of a body."""

    SECONDS = auto()
    DATE = auto()
    SILENT = auto()


class Notice(Enum):
    """How the webhook of a call is sent."""

    ONCE = auto()
    BEFORE_ANSWER = auto()
    TWICE = auto()
    CONTRADICTED = auto()
    LATE = auto()
    NEVER = auto()
    WITHOUT_START_TIME = auto()
    OTHER_NUMBER = auto()


@dataclass(frozen=True, slots=True)
class Scenario:
    """What happens when a number that ends in ``555 01`` and this code is called.

    :param code: the last two digits of the number
    :param happens: a description, as in the documentation
    :param accepted: whether VoiceInfra accepts the call (with a throttle: at the second POST)
    :param status: HTTP status of the answer; 0 if a call that is not accepted gets none
    :param answer: how the answer reaches the client
    :param throttle: whether, and how, the first POST of a body is refused with 429
    :param notice: how the webhook is sent
    """

    code: str
    name: str
    happens: str
    accepted: bool = True
    status: int = 200
    answer: Answer = Answer.WHOLE
    throttle: Throttle | None = None
    notice: Notice = Notice.ONCE
    outcome: Outcome = "answered"

    @property
    def number(self) -> str:
        """One of the numbers that select this scenario."""
        return f"+141555501{self.code}"


def _refused(code: str, name: str, happens: str, status: int = 0, answer: Answer = Answer.WHOLE) -> Scenario:
    return Scenario(code, name, f"{happens}; not accepted", accepted=False, status=status, answer=answer)


SCENARIOS: tuple[Scenario, ...] = (
    Scenario("00", "answered", "A person answers and talks with the agent"),
    Scenario("01", "voicemail", "The voicemail answers, the agent leaves a message", outcome="voicemail"),
    Scenario("02", "failed", "Nobody is reached", outcome="failed"),
    Scenario("10", "slow answer", "Accepted at once, answered after `--slow-answer` s", answer=Answer.SLOW),
    _refused("11", "lost request", "Connection closed without a byte", answer=Answer.CLOSED),
    Scenario("12", "lost answer", "Accepted, then closed without a byte", answer=Answer.CLOSED),
    Scenario("13", "reset after", "Accepted, then TCP reset", answer=Answer.RESET),
    _refused("14", "reset before", "TCP reset", answer=Answer.RESET),
    _refused("15", "redirect", "307 to another host", 307),
    Scenario("16", "interim responses", "102 and 103, then 200", answer=Answer.AFTER_INTERIM),
    Scenario("20", "500, accepted", "500, yet the call is accepted", status=500),
    _refused("21", "500, not accepted", "500", 500),
    _refused("22", "503", "503", 503),
    Scenario("23", "408, accepted", "408, yet the call is accepted", status=408),
    Scenario("30", "429, seconds", "429 with `Retry-After` in seconds, then 200", throttle=Throttle.SECONDS),
    Scenario("31", "429, date", "429 with `Retry-After` as an HTTP date, then 200", throttle=Throttle.DATE),
    Scenario("32", "429, silent", "429 without `Retry-After`, then 200", throttle=Throttle.SILENT),
    _refused("33", "429, always", "429 at every POST", 429),
    _refused("40", "validation error", "400 `validation_error`", 400),
    _refused("41", "unauthorized", "401 `unauthorized`", 401),
    _refused("42", "invalid phone", "422 `invalid_phone`", 422),
    _refused("44", "agent not found", "404 `not_found`", 404),
    Scenario("50", "unreadable 200", "Accepted, 200 with a body that is not JSON", answer=Answer.UNREADABLE),
    Scenario("51", "cut-off 200", "Accepted, 200 that ends half way", answer=Answer.CUT_OFF),
    Scenario("52", "200, no id", "Accepted, 200 without `call_id`", answer=Answer.WITHOUT_CALL_ID),
    Scenario("53", "200, other number", "Accepted, 200 with another `to_number`", answer=Answer.OTHER_NUMBER),
    Scenario("60", "early webhook", "Webhook delivered before the 200", notice=Notice.BEFORE_ANSWER),
    Scenario("61", "webhook twice", "The same webhook twice", notice=Notice.TWICE),
    Scenario("62", "contradiction", "A second webhook that says voicemail", notice=Notice.CONTRADICTED),
    Scenario("63", "late webhook", "The webhook comes `--late` s after the end", notice=Notice.LATE),
    Scenario("64", "no webhook", "The webhook never comes", notice=Notice.NEVER),
    Scenario("65", "no start_time", "Webhook without `start_time`", notice=Notice.WITHOUT_START_TIME),
    Scenario("66", "other number", "Webhook with another `to_number`", notice=Notice.OTHER_NUMBER),
)

_BY_CODE = {scenario.code: scenario for scenario in SCENARIOS}
ANSWERED = _BY_CODE["00"]


def scenario_of(number: str) -> Scenario:
    """Return the scenario that an E.164 number selects; ``answered`` for numbers that are not in the table."""
    magic = _MAGIC_NUMBER.fullmatch(number)
    return _BY_CODE.get(magic[1], ANSWERED) if magic else ANSWERED
