"""What can go wrong with a call. Messages name no number, no context and no key, and say what to do next."""

from __future__ import annotations


class VoiceInfraError(Exception):
    """Base of all errors of calls."""

    ref: str | None = None
    """The call's public handle, once there is one."""

    def __str__(self) -> str:
        text = super().__str__()
        return f"Call {self.ref}: {text}" if self.ref else text


class InvalidCallError(VoiceInfraError):
    """The call cannot be asked for like this. Nothing was claimed or sent."""


class InvalidNumberError(InvalidCallError):
    """A value is not a phone number that may be called.

    :param reason: which kind of problem it is, such as ``no_country_code``: a key of ``phone_numbers.e164.REASONS``.
    """

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class KeyConflictError(VoiceInfraError):
    """The idempotency key belongs to a call that asked for something else. Nothing was sent.

    :param ref: the call that holds the key.
    :param fields: what differs, by name.
    """

    def __init__(self, ref: str, fields: list[str], *, why: str = "") -> None:
        super().__init__(
            f"{why or 'its idempotency key is asked to place another call now'}: {', '.join(fields)} differ. Nothing "
            "was dialled. Give this call an idempotency_key of its own, or the same fields as before."
        )
        self.ref = ref
        self.fields = fields


class HostConflictError(KeyConflictError):
    """The call of the idempotency key was placed at another host, or waits to be. Nothing was sent.

    :param ref: the call that holds the key.
    :param host: where it was placed.
    :param our_host: where it was to be placed now.
    """

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
    """No byte of the request reached VoiceInfra: a later try may dial.

    :param why: what failed, such as the name that was not found.
    """

    def __init__(self, why: str, *, retry_after: float | None = None) -> None:
        super().__init__(why)
        self.retry_after = retry_after


class TooLateToSendError(CallNotSentError):
    """Its send permit or its send slot was over before the first byte."""

    def __init__(self) -> None:
        super().__init__(
            "This machine is too busy to send it in time, so nothing was sent. A retry of the task may dial."
        )


class ClaimLostError(CallNotSentError):
    """The claim is not ours any more: another task or try has judged it."""

    def __init__(self) -> None:
        super().__init__("Another task or try has taken this call over, so nothing was sent from here.")


class CallStoppedError(CallNotSentError):
    """The task or the process is being stopped, so nothing more is sent."""

    def __init__(self) -> None:
        super().__init__("The task is being stopped, so nothing more is sent. The next try goes on from here.")


class RateLimitedError(CallNotSentError):
    """VoiceInfra answered 429: it took no call, and a later try may dial.

    :param retry_after: seconds that VoiceInfra asks to wait, if it says so.
    """

    def __init__(self, retry_after: float | None) -> None:
        wait = "" if retry_after is None else f" It asks to wait {retry_after:.0f} s."
        super().__init__(
            f"VoiceInfra takes no more calls at the moment (429 rate_limited).{wait} A retry of the task may "
            "dial; call fewer people at a time if this happens often.",
            retry_after=retry_after,
        )


class CallRejectedError(VoiceInfraError):
    """VoiceInfra refused the call: nobody's phone rang, and the same request will be refused again.

    :param status: the HTTP status.
    :param code: VoiceInfra's error code, such as ``invalid_phone``.
    :param message: VoiceInfra's message, numbers and words of the call taken out.
    :param remedy: what mends it.
    """

    def __init__(self, status: int, code: str, message: str, remedy: str) -> None:
        said = f"{status} {code}".strip()
        super().__init__(f"VoiceInfra refused it ({said}: {message}). {remedy}")
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
    """3xx: another address was named; neither the request nor the key is sent there."""


class AnswerUnknownError(VoiceInfraError):
    """The request was sent, wholly or in part, and no answer tells whether the call was placed.

    :param why: what was met instead of an answer.
    """


class CallUnknownError(VoiceInfraError):
    """Nobody knows whether the call was placed, so it is not dialled again.

    :param ref: the call.
    """

    def __init__(self, ref: str, why: str = "its answer was never received") -> None:
        super().__init__(
            f"it may have been placed, but {why}. It is not dialled again, because a person may have been "
            "called already. Look for it in VoiceInfra's call log by its time and number."
        )
        self.ref = ref
