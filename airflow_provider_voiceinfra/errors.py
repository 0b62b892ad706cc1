"""Errors of calls. Messages say what to do next, and contain no number, context or key."""

from __future__ import annotations


class VoiceInfraError(Exception):
    """Base of all errors of calls."""

    ref: str | None = None
    """The call's public handle, once there is one."""

    def __str__(self) -> str:
        text = super().__str__()
        return f"Call {self.ref}: {text}" if self.ref else text


class InvalidCallError(VoiceInfraError):
    """The request is invalid. Nothing was claimed or sent."""


class InvalidNumberError(InvalidCallError):
    """A value is not a phone number that may be called.

    :param reason: the kind of problem, such as ``no_country_code``: a key of ``phone_numbers.e164.REASONS``.
    """

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class KeyConflictError(VoiceInfraError):
    """The idempotency key belongs to a call with a different request. Nothing was sent.

    :param reason: the reason, if it is not a different request.
    """

    def __init__(self, ref: str, fields: list[str], *, reason: str = "") -> None:
        super().__init__(
            f"{reason or 'its idempotency key is now used for a different request'}: {', '.join(fields)} differ. "
            "Nothing was dialled. Give this call an idempotency_key of its own, or the same fields as before."
        )
        self.ref = ref
        self.fields = fields


class HostConflictError(KeyConflictError):
    """The idempotency key belongs to a call at another host. Nothing was sent."""

    def __init__(self, ref: str, *, host: str, our_host: str) -> None:
        VoiceInfraError.__init__(
            self,
            f"its idempotency key belongs to the host {host}, and this connection's host is {our_host}. Nothing was "
            "dialled. If VoiceInfra has only moved, run `airflow voiceinfra store rename-host "
            f"{host} {our_host}` and clear the task; if the two are different systems, give each its own "
            "[voiceinfra] environment.",
        )
        self.ref = ref
        self.fields = ["host"]


class CallNotSentError(VoiceInfraError):
    """No byte of the request reached VoiceInfra, so a retry may dial.

    :param reason: what failed, such as a host name that was not found.
    :param retry_after: seconds to wait before the next try, if known.
    """

    def __init__(self, reason: str, *, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class TooLateToSendError(CallNotSentError):
    """The send permit or the send slot expired before the first byte was sent."""

    def __init__(self) -> None:
        super().__init__(
            "This machine is too busy to send it in time, so nothing was sent. A retry of the task may dial."
        )


class ClaimLostError(CallNotSentError):
    """The claim no longer belongs to this execution: another task or try has taken it over."""

    def __init__(self) -> None:
        super().__init__("Another task or try has taken this call over, so nothing was sent from here.")


class CallStoppedError(CallNotSentError):
    """The task or the process is being stopped, so no more requests are sent."""

    def __init__(self) -> None:
        super().__init__("The task is being stopped, so no more requests are sent. The next try continues from here.")


class RateLimitedError(CallNotSentError):
    """VoiceInfra answered 429: no call was accepted, and a retry may dial.

    :param retry_after: the seconds of ``Retry-After``, if VoiceInfra sent it.
    """

    def __init__(self, retry_after: float | None) -> None:
        wait = "" if retry_after is None else f" It asks to wait {retry_after:.0f} s."
        super().__init__(
            f"VoiceInfra accepts no more calls at the moment (429 rate_limited).{wait} A retry of the task may "
            "dial. If this happens often, place fewer calls at a time.",
            retry_after=retry_after,
        )


class CallRejectedError(VoiceInfraError):
    """VoiceInfra rejected the call: no phone rang, and the same request would be rejected again.

    :param code: VoiceInfra's error code, such as ``invalid_phone``.
    :param message: VoiceInfra's message, without numbers and without the call's content.
    :param remedy: how to fix it.
    """

    def __init__(self, status: int, code: str, message: str, remedy: str) -> None:
        answer = f"{status} {code}".strip()
        super().__init__(f"VoiceInfra rejected it ({answer}: {message}). {remedy}")
        self.status = status
        self.code = code
        self.message = message


class RequestInvalidError(CallRejectedError):
    """400: a parameter is missing or invalid."""


class AuthenticationError(CallRejectedError):
    """401: the API key is missing, wrong or revoked."""


class AgentNotFoundError(CallRejectedError):
    """404: the agent does not exist or is inactive."""


class PhoneInvalidError(CallRejectedError):
    """422: a number is not E.164."""


class RedirectedError(CallRejectedError):
    """3xx: a redirect, which is not followed: neither the request nor the key is sent to another address."""


class AnswerUnknownError(VoiceInfraError):
    """The request was sent, wholly or in part, and no answer shows whether the call was placed.

    :param reason: what happened instead of an answer.
    """


class CallUnknownError(VoiceInfraError):
    """It is unknown whether the call was placed, so it is not dialled again."""

    def __init__(self, ref: str, reason: str = "its answer was never received") -> None:
        super().__init__(
            f"it may have been placed, but {reason}. It is not dialled again, because the callee may have "
            "been called already. Look for it in VoiceInfra's call log by its time and number."
        )
        self.ref = ref
