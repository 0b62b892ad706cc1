"""What the guard says when it does not let a call be dialled: one error for each rule, one sentence, what to do."""

from __future__ import annotations

from datetime import datetime

from airflow_provider_voiceinfra.errors import VoiceInfraError
from airflow_provider_voiceinfra.store.guard.rules import Refused, Rule
from airflow_provider_voiceinfra.store.models import CallState


class GuardError(VoiceInfraError):
    """The guard does not let a call be dialled. Nothing was sent.

    :param refused: which rule, and where that leaves the call.
    """

    says = ""

    def __init__(self, refused: Refused) -> None:
        super().__init__(self.says.format_map(_Facts(refused)))
        self.ref = refused.ref
        self.rule = refused.refusal.rule


class CallRefusedError(GuardError):
    """The call is refused for good; clearing its task asks anew."""


class NumberNotAllowedError(CallRefusedError):
    """Only the connection's ``allowed_numbers`` may be called."""

    says = "Its number is not among the allowed_numbers of the connection, so it is not called."


class NoTimezoneError(CallRefusedError):
    """Nobody can tell what time it is where the person is, or calling hours never open there."""

    says = "{why}"


class DoNotCallError(CallRefusedError):
    """The person does not want to be called."""

    says = "Its number is on the do-not-call list (`airflow voiceinfra dnc list`), so it is not called."


class CalledRecentlyError(CallRefusedError):
    """``min_interval_per_number`` has not passed since the person was called."""

    says = "The person was called at {last}; min_interval_per_number of the connection is {limit}, so it is not called."


class CallExpiredError(CallRefusedError):
    """``not_after`` has passed, or will have when the call may be dialled."""

    says = "It is of no use any more: its not_after is over before it may be dialled, so it is not called."


class CallCancelledError(CallRefusedError):
    """It waited for a pause, which was ended with ``--cancel``."""

    says = "It waited for a pause to end, and was cancelled when the pause ended, so it is not called."


class CallWaitsError(GuardError):
    """The call may not be dialled yet. Whoever asks for it again later, under its key, goes on.

    :param refused: see :class:`GuardError`.
    """

    def __init__(self, refused: Refused) -> None:
        super().__init__(refused)
        self.until: datetime | None = refused.refusal.until
        self.pause_id = refused.refusal.pause_id


class CallPausedError(CallWaitsError):
    """A pause stops it."""

    says = (
        "It is not dialled while {what} is paused ({who}: {why}); `airflow voiceinfra resume` lets it go on, or "
        "cancels it."
    )


class OutsideCallingHoursError(CallWaitsError):
    """Calling hours are closed where the person is."""

    says = "Calling hours are closed where the person is; they open at {until}."


class DayLimitError(CallWaitsError):
    """The connection has placed as many calls as it may in a day."""

    says = "The connection has placed its {limit} calls of today (max_calls_per_day); the next day begins at {until}."


class LinesBusyError(CallWaitsError):
    """As many calls are going on as the connection may have at a time."""

    says = "All {limit} lines of the connection are busy (max_in_flight); it is asked again at {until}."


class TooFastError(CallWaitsError):
    """Too many dial at the same time for the connection's ``calls_per_second``."""

    says = "Too many dial at the same time for {limit} calls_per_second; it is asked again at {until}."


_ERRORS: dict[Rule, type[GuardError]] = {
    Rule.ALLOWED_NUMBERS: NumberNotAllowedError,
    Rule.TIMEZONE: NoTimezoneError,
    Rule.DO_NOT_CALL: DoNotCallError,
    Rule.MIN_INTERVAL: CalledRecentlyError,
    Rule.NOT_AFTER: CallExpiredError,
    Rule.PAUSED: CallPausedError,
    Rule.CANCELLED: CallCancelledError,
    Rule.CALLING_HOURS: OutsideCallingHoursError,
    Rule.PER_DAY: DayLimitError,
    Rule.IN_FLIGHT: LinesBusyError,
    Rule.PACE: TooFastError,
}


def error_of(refused: Refused) -> GuardError:
    """Give the error that tells a refusal."""
    if refused.state == CallState.CANCELLED:
        return CallCancelledError(refused)
    return _ERRORS[refused.refusal.rule](refused)


class _Facts(dict[str, str]):
    """The facts of a refusal; one that an earlier try was told is not known any more."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(refused.refusal.facts)
        if refused.refusal.until is not None:
            self["until"] = f"{refused.refusal.until:%Y-%m-%d %H:%M:%S} UTC"

    def __missing__(self, name: str) -> str:
        return "an earlier time" if name == "last" else "as it was told before"
