"""What the guard says when it blocks or defers a call: one error for each rule, one sentence, what to do."""

from __future__ import annotations

from datetime import datetime

from airflow_provider_voiceinfra.errors import VoiceInfraError
from airflow_provider_voiceinfra.store.guard.rules import DeniedCall, Rule
from airflow_provider_voiceinfra.store.models import CallState


class GuardError(VoiceInfraError):
    """The guard blocks or defers a call. Nothing was sent.

    :param denied: the call, and the rule that denies it.
    """

    says = ""

    def __init__(self, denied: DeniedCall) -> None:
        super().__init__(self.says.format_map(_Facts(denied)))
        self.ref = denied.ref
        self.rule = denied.denial.rule


class CallBlockedError(GuardError):
    """The call may never be placed; clearing its task asks again."""


class NumberNotAllowedError(CallBlockedError):
    """Only the connection's ``allowed_numbers`` may be called."""

    says = "Its number is not among the allowed_numbers of the connection, so it is not called."


class NoTimezoneError(CallBlockedError):
    """The callee's time zone is unknown, or calling hours never open there."""

    says = "{reason}"


class DoNotCallError(CallBlockedError):
    """The number is on the do-not-call list."""

    says = "Its number is on the do-not-call list (`airflow voiceinfra dnc list`), so it is not called."


class CallExpiredError(CallBlockedError):
    """``not_after`` has passed, or will have passed when the call may be placed."""

    says = "It expired: its not_after is over before it may be placed, so it is not called."


class CallCancelledError(CallBlockedError):
    """It waited for a pause, which was ended with ``--cancel``."""

    says = "It waited for a pause to end, and was cancelled when the pause ended, so it is not called."


class CallDeferredError(GuardError):
    """The call may not be placed yet. Asking for it again later, under its key, goes on with it.

    :param denied: see :class:`GuardError`.
    """

    def __init__(self, denied: DeniedCall) -> None:
        super().__init__(denied)
        self.until: datetime | None = denied.denial.until
        self.pause_id = denied.denial.pause_id


class CallPausedError(CallDeferredError):
    """A pause stops it."""

    says = (
        "It is not dialled while {what} is paused ({who}: {reason}); `airflow voiceinfra resume` lets it go on, or "
        "cancels it."
    )


class CallTooEarlyError(CallDeferredError):
    """``not_before`` has not come yet."""

    says = "Its not_before has not come yet; it may be placed at {until}."


class OutsideCallingHoursError(CallDeferredError):
    """Calling hours are closed in the callee's time zone."""

    says = "Calling hours are closed in the callee's time zone; they open at {until}."


class DayLimitError(CallDeferredError):
    """The connection has placed as many calls as it may in a day."""

    says = "The connection has placed its {limit} calls of today (max_calls_per_day); the next day begins at {until}."


class MinutesLimitError(CallDeferredError):
    """The calls of the connection have talked as many minutes as they may in a day."""

    says = (
        "The connection's calls have used up their {limit} minutes of today (max_minutes_per_day), what calls in "
        "progress may still talk included; it is tried again at {until}."
    )


class ListMinutesLimitError(CallDeferredError):
    """The calls of the list have talked as many minutes as ``max_minutes`` allows."""

    says = (
        "The list's calls have used up their {limit} minutes (max_minutes), what calls in progress may still talk "
        "included."
    )


class NumberLimitError(CallDeferredError):
    """The callee has been called as often as ``max_calls_per_number`` allows."""

    says = (
        "The callee was called {calls} times within {within}, as often as max_calls_per_number allows; they may be "
        "called again at {until}."
    )


class LinesBusyError(CallDeferredError):
    """As many calls are in progress as the connection may have at a time."""

    says = "All {limit} lines of the connection are busy (max_in_flight); it is tried again at {until}."


class TooFastError(CallDeferredError):
    """Too many calls wait for their send slots, by ``calls_per_second``."""

    says = "Too many calls wait for their send slots at {limit} calls_per_second; it is tried again at {until}."


_ERRORS: dict[Rule, type[GuardError]] = {
    Rule.ALLOWED_NUMBERS: NumberNotAllowedError,
    Rule.TIMEZONE: NoTimezoneError,
    Rule.DO_NOT_CALL: DoNotCallError,
    Rule.PER_NUMBER: NumberLimitError,
    Rule.NOT_AFTER: CallExpiredError,
    Rule.PAUSED: CallPausedError,
    Rule.CANCELLED: CallCancelledError,
    Rule.NOT_BEFORE: CallTooEarlyError,
    Rule.CALLING_HOURS: OutsideCallingHoursError,
    Rule.PER_DAY: DayLimitError,
    Rule.MINUTES_PER_DAY: MinutesLimitError,
    Rule.LIST_MINUTES: ListMinutesLimitError,
    Rule.IN_FLIGHT: LinesBusyError,
    Rule.PACE: TooFastError,
}


def error_of(denied: DeniedCall) -> GuardError:
    """Return the error that describes a denial."""
    if denied.state == CallState.CANCELLED:
        return CallCancelledError(denied)
    return _ERRORS[denied.denial.rule](denied)


class _Facts(dict[str, str]):
    """The facts of a denial; those that an earlier try received are not known any more."""

    def __init__(self, denied: DeniedCall) -> None:
        super().__init__(denied.denial.facts)
        if denied.denial.until is not None:
            self["until"] = f"{denied.denial.until:%Y-%m-%d %H:%M:%S} UTC"

    def __missing__(self, name: str) -> str:
        return "an earlier time" if name == "last" else "as reported before"
