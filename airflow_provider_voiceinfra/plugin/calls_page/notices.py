"""What the page of a call says about a state that is not plain success, and what a person can do."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_voiceinfra.store.guard.rules import Rule
from airflow_provider_voiceinfra.store.models import Call, CallState


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice at the top of a call's page."""

    title: str
    text: str


_CLEAR = "To ask for the call again, clear its task."
_WAITS = "The task tries again by itself; if it does not run any more, clear it."

_WAITING: dict[Rule, Notice] = {
    Rule.PAUSED: Notice(
        "Waiting for the end of a pause", "Resume the pause under Pauses, or cancel there the calls that wait for it."
    ),
    Rule.NOT_BEFORE: Notice("Waiting: it may not be placed yet", f"Its not_before has not come yet. {_WAITS}"),
    Rule.CALLING_HOURS: Notice("Waiting: calling hours are closed where the callee is", _WAITS),
    Rule.PER_NUMBER: Notice(
        "Waiting: the callee has been called often enough", f"max_calls_per_number allows no more calls now. {_WAITS}"
    ),
    Rule.PER_DAY: Notice(
        "Waiting: the connection has placed its calls of today", f"max_calls_per_day is used up. {_WAITS}"
    ),
    Rule.MINUTES_PER_DAY: Notice(
        "Waiting: the connection has used its minutes of today", f"max_minutes_per_day is used up. {_WAITS}"
    ),
    Rule.LIST_MINUTES: Notice(
        "Waiting: the list has used its minutes",
        "max_minutes is used up, what calls in progress may still talk included: raise it, or let the list end.",
    ),
    Rule.IN_FLIGHT: Notice("Waiting: all lines are busy", f"The connection's max_in_flight is reached. {_WAITS}"),
    Rule.PACE: Notice("Waiting for its send slot", f"The connection's calls_per_second is reached. {_WAITS}"),
}

_NOTICES: dict[CallState, Notice] = {
    CallState.WAITING: Notice("Waiting", _WAITS),
    CallState.DO_NOT_CALL: Notice(
        "Blocked: the number is on the do-not-call list",
        f"Nobody was called. If the callee wants to be called again, remove the number under Do not call. {_CLEAR}",
    ),
    CallState.NOT_ALLOWED: Notice(
        "Blocked: the connection may not call this number",
        f"Nobody was called. Add the number to allowed_numbers of the connection, if it should be there. {_CLEAR}",
    ),
    CallState.NO_TIMEZONE: Notice(
        "Blocked: the callee's time zone is not known, or calling hours never open there",
        f"Nobody was called. Give the call a timezone, or the connection other calling hours. {_CLEAR}",
    ),
    CallState.EXPIRED: Notice(
        "Expired", f"Its not_after was over before it could be placed. Nobody was called. {_CLEAR}"
    ),
    CallState.CANCELLED: Notice(
        "Cancelled", f"It waited for a pause that was ended by cancelling its calls. Nobody was called. {_CLEAR}"
    ),
    CallState.RELEASED: Notice("Not sent", f"Nothing was sent to VoiceInfra, so its key is free. {_CLEAR}"),
    CallState.NOT_PLACED: Notice(
        "Not placed", f"A person found that VoiceInfra has not placed it, so its key is free. {_CLEAR}"
    ),
    CallState.REJECTED: Notice(
        "Rejected by VoiceInfra", f"No phone rang. Fix what the error under Details names. {_CLEAR}"
    ),
    CallState.OVERDUE: Notice(
        "The completion has not arrived in time",
        "VoiceInfra accepted the call, so the callee may have talked: it is not dialled again by itself. A webhook "
        "that arrives later still completes it. `airflow voiceinfra doctor` checks whether webhooks arrive.",
    ),
}


def notice_of(call: Call) -> Notice | None:
    """Return the notice of a call; None for one that needs none. An unknown call has a section of its own."""
    if call.state == CallState.WAITING and call.rule in _WAITING:
        return _WAITING[Rule(call.rule)]
    return _NOTICES.get(call.state)
