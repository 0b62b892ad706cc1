"""VoiceInfra's one endpoint: the POST, and what each answer means."""

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
# So many letters in a row show where they come from.
_TELLING = 8
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
    HTTPStatus.UNPROCESSABLE_ENTITY: (
        PhoneInvalidError,
        "Write to_number and from_number like +14155550100.",
    ),
}
_REDIRECT = "It names another address, where the key is not sent: fix the host of connection {conn_id!r}."
_OTHER = "Fix the request, or ask VoiceInfra what the code means."


# A number that cannot be read may be another callee's.
_OF_ANOTHER_CALL = frozenset({NumberMatch.DIFFERENT, NumberMatch.UNREADABLE})
_MOVED = frozenset(
    {
        HTTPStatus.MOVED_PERMANENTLY,
        HTTPStatus.FOUND,
        HTTPStatus.TEMPORARY_REDIRECT,
        HTTPStatus.PERMANENT_REDIRECT,
    }
)
# 499: a proxy's word for a client that went away.
_MAY_BE_TAKEN = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT, HTTPStatus.TOO_EARLY, 499})


class VoiceInfraApi:
    """Places calls, one POST each. Knows nothing of claims, so only the dialling code may use it.

    :param account: the address and the key.
    :param timeouts: see :class:`~airflow_provider_voiceinfra.calls.transport.Timeouts`.
    """

    def __init__(self, account: Account, *, timeouts: Timeouts | None = None) -> None:
        self._account = account
        self._timeouts = timeouts or Timeouts()
        self._transport = Transport()

    def place_call(self, request: CallRequest, *, gate: Gate = open_gate) -> str:
        """Send the POST.

        :param gate: is passed right before the first byte; what it raises is raised, and nothing was sent.
        :return: the ``call_id``: VoiceInfra has taken the call.
        :raises CallNotSentError: the call was not taken; it may be sent again.
        :raises CallRejectedError: the call was not taken, and will not be until the request or the connection is fixed.
        :raises AnswerUnknownError: the call may have been taken.
        """
        answer = self._post(request.body(), gate)
        status = answer.status
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            raise RateLimitedError(_retry_after(answer.headers))
        if _refuses(status):
            raise self._refusal(answer, request)
        if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            raise AnswerUnknownError(f"VoiceInfra answered {status}")
        said = _json(answer)
        call_id = said.get("call_id")
        if not isinstance(call_id, str) or not call_id.isprintable() or not 0 < len(call_id) <= 255:  # noqa: PLR2004
            raise AnswerUnknownError(f"VoiceInfra's answer ({status}) could not be read")
        self._check_echo(said, request, call_id)
        return call_id

    def check_key(self) -> tuple[bool, str]:
        """Find out whether the key is good, by a body without numbers, which cannot ring a phone."""
        try:
            answer = self._post({}, open_gate)
        except (CallNotSentError, AnswerUnknownError) as error:
            return False, str(error)
        if answer.status in {HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY}:
            return True, f"VoiceInfra knows the key of connection {self._account.conn_id!r}."
        if answer.status == HTTPStatus.UNAUTHORIZED:
            return False, str(self._refusal(answer, None))
        return (
            False,
            f"VoiceInfra answered {answer.status}, which says nothing about the key: try again later.",
        )

    def _check_echo(self, said: Mapping[str, Any], request: CallRequest, call_id: str) -> None:
        """Make sure that the answer is to this request, as far as it tells.

        :raises AnswerUnknownError: if it names another number than was sent.
        """
        numbers = {"to_number": request.to_number, "from_number": request.from_number}
        others = [name for name, sent in numbers.items() if compare_numbers(said.get(name), sent) in _OF_ANOTHER_CALL]
        if others:
            # The answers that follow would be other calls' too.
            self._transport.drop()
            raise AnswerUnknownError(f"VoiceInfra's answer names another {' and '.join(others)} than was sent")
        if said.get("agent_id") not in {None, request.agent_id}:
            log.warning("VoiceInfra's answer for %s names another agent_id than was sent.", call_id)

    def _post(self, body: dict[str, Any], gate: Gate) -> Answer:
        url = f"{self._account.base_url}/calls/outbound"
        headers = {"X-API-Key": self._account.api_key, "Content-Type": "application/json"}
        try:
            return self._transport.post(
                url,
                headers=headers,
                body=json.dumps(body).encode(),
                timeouts=self._timeouts,
                gate=gate,
            )
        except NotWrittenError as error:
            raise CallNotSentError(
                f"VoiceInfra could not be reached at {self._account.base_url} ({error}); nothing was sent. Check "
                f"the network and the host of connection {self._account.conn_id!r}; a retry may dial."
            ) from None
        except NoAnswerError as error:
            raise AnswerUnknownError(f"the connection was lost before an answer ({error})") from None

    def _refusal(self, answer: Answer, request: CallRequest | None) -> CallRejectedError:
        error = _json(answer).get("error")
        error = error if isinstance(error, dict) else {}
        code, message = _printable(error.get("code", ""))[:64], _printable(error.get("message", "no message"))
        redirected = answer.status < HTTPStatus.BAD_REQUEST
        other = (RedirectedError, _REDIRECT) if redirected else (CallRejectedError, _OTHER)
        kind, remedy = _REJECTIONS.get(answer.status, other)
        return kind(
            answer.status,
            code if _CODE.fullmatch(code) and self._without_words(code, request) == code else "",
            self._without_words(message, request),
            remedy.format(conn_id=self._account.conn_id),
        )

    def _without_words(self, message: str, request: CallRequest | None) -> str:
        """Take out what the API repeats of the request and the key, in part or whole."""
        message = mask_numbers(message[: 2 * _LONGEST_MESSAGE])
        folded = _folded(message)
        hidden: set[int] = set()
        for text in (self._account.api_key, *(_texts(list(request.words().values())) if request else ())):
            size, text = min(len(text), _TELLING), _folded(text)  # noqa: PLW2901
            for start in range(len(message) - size + 1):
                if folded[start : start + size] in text:
                    hidden.update(range(start, start + size))
        shown = "".join("\0" if at in hidden else letter for at, letter in enumerate(message))
        return re.sub("\0+", "•••", shown)[:_LONGEST_MESSAGE]


def _refuses(status: int) -> bool:
    """Tell whether a status says that the call was not taken; any other error leaves that open."""
    client_error = HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR
    return status in _MOVED or (client_error and status not in _MAY_BE_TAKEN)


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
        # As it is, and as JSON writes it.
        return [_printable(value), json.dumps(value, ensure_ascii=False)[1:-1]]
    return [str(value)] if isinstance(value, int | float) and not isinstance(value, bool) else []


def _folded(text: str) -> str:
    """Write it small, letter by letter, so that it keeps its length."""
    return "".join(letter.lower() if len(letter.lower()) == 1 else letter for letter in text)


def _printable(value: object) -> str:
    """Make a string that any log and any database accepts."""
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
