"""VoiceInfra's only endpoint: the POST, and the meaning of each answer."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

from airflow_provider_voiceinfra.calls.account import Account
from airflow_provider_voiceinfra.calls.request import CallRequest
from airflow_provider_voiceinfra.calls.transport import (
    Answer,
    Gate,
    NoAnswerError,
    NotWrittenError,
    Timeouts,
    Transport,
    open_gate,
)
from airflow_provider_voiceinfra.errors import (
    AgentNotFoundError,
    AnswerUnknownError,
    AuthenticationError,
    CallNotSentError,
    CallRejectedError,
    PhoneInvalidError,
    RateLimitedError,
    RedirectedError,
    RequestInvalidError,
)
from airflow_provider_voiceinfra.phone_numbers.e164 import mask_numbers
from airflow_provider_voiceinfra.phone_numbers.number_match import NumberMatch, compare_numbers

log = logging.getLogger(__name__)

_LONGEST_MESSAGE = 200
# This many letters in a row reveal where they come from.
_REVEALING = 8
_CODE = re.compile("[a-z][a-z0-9_]{0,63}")

_REJECTIONS: dict[int, tuple[type[CallRejectedError], str]] = {
    HTTPStatus.BAD_REQUEST: (
        RequestInvalidError,
        "Fix the call's fields; from_number must be one of the account's own (Phone Numbers).",
    ),
    HTTPStatus.UNAUTHORIZED: (
        AuthenticationError,
        "Create a key under Settings → API Keys and set it as the password of connection {conn_id!r}.",
    ),
    HTTPStatus.NOT_FOUND: (
        AgentNotFoundError,
        (
            "Look up the agent_id in the API tab of the agent's settings, and check that it is active. If it is, the "
            "host of connection {conn_id!r} is not VoiceInfra's, which ends in /v1."
        ),
    ),
    HTTPStatus.UNPROCESSABLE_ENTITY: (PhoneInvalidError, "Write to_number and from_number like +14155550100."),
}
_REDIRECT = "It names another address, where the key is not sent: fix the host of connection {conn_id!r}."
_OTHER = "Fix the request, or ask VoiceInfra what the code means."


# An unreadable number may be another callee's.
_OTHER_NUMBER = frozenset({NumberMatch.DIFFERENT, NumberMatch.UNREADABLE})
_MOVED = frozenset({301, 302, 307, 308})
# 499: nginx's status for a client that disconnected.
_MAY_BE_ACCEPTED = frozenset({408, 409, 425, 499})


class VoiceInfraApi:
    """Places calls, one POST each. It checks no claims, so only the dialling code may use it."""

    def __init__(self, account: Account, *, timeouts: Timeouts | None = None) -> None:
        self._account = account
        self._timeouts = timeouts or Timeouts()
        self._transport = Transport()

    def place_call(self, request: CallRequest, *, gate: Gate = open_gate) -> str:
        """Send the POST.

        :param gate: called right before the first byte; if it raises, nothing was sent.
        :return: the ``call_id`` of the accepted call.
        :raises CallNotSentError: the call was not accepted; it may be sent again.
        :raises CallRejectedError: the call was not accepted, and will not be until the request or connection is fixed.
        :raises AnswerUnknownError: the call may have been accepted.
        """
        answer = self._post(request.body(), gate)
        status = answer.status
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            raise RateLimitedError(_retry_after(answer.headers))
        if _is_rejection(status):
            raise self._rejection(answer, request)
        if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            raise AnswerUnknownError(f"VoiceInfra answered {status}")
        fields = _json(answer)
        call_id = fields.get("call_id")
        if not isinstance(call_id, str) or not call_id.isprintable() or not 0 < len(call_id) <= 255:  # noqa: PLR2004
            raise AnswerUnknownError(f"VoiceInfra's answer ({status}) could not be read")
        self._check_echo(fields, request, call_id)
        return call_id

    def check_key(self) -> tuple[bool, str]:
        """Check the API key with a body without numbers, which cannot ring a phone."""
        try:
            answer = self._post({}, open_gate)
        except (CallNotSentError, AnswerUnknownError) as error:
            return False, str(error)
        if answer.status in {HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY}:
            return True, f"VoiceInfra knows the key of connection {self._account.conn_id!r}."
        if answer.status == HTTPStatus.UNAUTHORIZED:
            return False, str(self._rejection(answer, None))
        return False, f"VoiceInfra answered {answer.status}, which does not show whether the key is valid: try later."

    def _check_echo(self, fields: Mapping[str, Any], request: CallRequest, call_id: str) -> None:
        """Check that the answer's numbers and agent, if any, are those that were sent.

        :raises AnswerUnknownError: if it has another number.
        """
        numbers = {"to_number": request.to_number, "from_number": request.from_number}
        others = [name for name, sent in numbers.items() if compare_numbers(fields.get(name), sent) in _OTHER_NUMBER]
        if others:
            # The next answers on this connection would belong to other calls too.
            self._transport.drop()
            raise AnswerUnknownError(f"VoiceInfra's answer names another {' and '.join(others)} than was sent")
        if fields.get("agent_id") not in {None, request.agent_id}:
            log.warning("VoiceInfra's answer for %s names another agent_id than was sent.", call_id)

    def _post(self, body: dict[str, Any], gate: Gate) -> Answer:
        url = f"{self._account.base_url}/calls/outbound"
        headers = {"X-API-Key": self._account.api_key, "Content-Type": "application/json"}
        try:
            content = json.dumps(body).encode()
            return self._transport.post(url, headers=headers, body=content, timeouts=self._timeouts, gate=gate)
        except NotWrittenError as error:
            raise CallNotSentError(
                f"VoiceInfra could not be reached at {self._account.base_url} ({error}); nothing was sent. Check "
                f"the network and the host of connection {self._account.conn_id!r}; a retry may dial."
            ) from None
        except NoAnswerError as error:
            raise AnswerUnknownError(f"the connection was lost before an answer ({error})") from None

    def _rejection(self, answer: Answer, request: CallRequest | None) -> CallRejectedError:
        error = _json(answer).get("error")
        error = error if isinstance(error, dict) else {}
        code, message = _printable(error.get("code", ""))[:64], _printable(error.get("message", "no message"))
        redirected = answer.status < HTTPStatus.BAD_REQUEST
        other = (RedirectedError, _REDIRECT) if redirected else (CallRejectedError, _OTHER)
        kind, remedy = _REJECTIONS.get(answer.status, other)
        return kind(
            answer.status,
            code if _CODE.fullmatch(code) and self._redacted(code, request) == code else "",
            self._redacted(message, request),
            remedy.format(conn_id=self._account.conn_id),
        )

    def _redacted(self, message: str, request: CallRequest | None) -> str:
        """Remove what the API repeats of the key and the call's content, even in part."""
        message = mask_numbers(message[: 2 * _LONGEST_MESSAGE])
        folded = _folded(message)
        hidden: set[int] = set()
        for text in (self._account.api_key, *(_texts(list(request.content().values())) if request else ())):
            size, text = min(len(text), _REVEALING), _folded(text)  # noqa: PLW2901
            for start in range(len(message) - size + 1):
                if folded[start : start + size] in text:
                    hidden.update(range(start, start + size))
        shown = "".join("\0" if at in hidden else letter for at, letter in enumerate(message))
        return re.sub("\0+", "•••", shown)[:_LONGEST_MESSAGE]


def _is_rejection(status: int) -> bool:
    """Return whether a status means that the call was not accepted; other errors leave that open."""
    client_error = HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR
    return status in _MOVED or (client_error and status not in _MAY_BE_ACCEPTED)


def _json(answer: Answer) -> dict[str, Any]:
    try:
        value = json.loads(answer.body or b"")
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _texts(value: object) -> list[str]:
    if isinstance(value, dict):
        return [text for pair in value.items() for item in pair for text in _texts(item)]
    if isinstance(value, list):
        return [text for item in value for text in _texts(item)]
    if isinstance(value, str):
        # As it is, and in JSON.
        return [_printable(value), json.dumps(value, ensure_ascii=False)[1:-1]]
    return [str(value)] if isinstance(value, int | float) and not isinstance(value, bool) else []


def _folded(text: str) -> str:
    """Convert to lower case, letter by letter, so that the length stays."""
    return "".join(letter.lower() if len(letter.lower()) == 1 else letter for letter in text)


def _printable(value: object) -> str:
    """Convert to a string that every log and database accepts."""
    return "".join(letter if letter.isprintable() else " " for letter in str(value))


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Read both forms of ``Retry-After``: seconds, and an HTTP date."""
    value = headers.get("Retry-After", "").strip()
    if value.isdecimal():
        return float(value)
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return max(0.0, (date - datetime.now(UTC)).total_seconds())
