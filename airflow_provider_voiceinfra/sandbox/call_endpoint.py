"""``POST /calls/outbound``: accepts or refuses calls, and answers as their scenario says."""

from __future__ import annotations

import email.utils
import math
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_voiceinfra.sandbox.outbound import Account, OutboundRequest, RefusedError, check
from airflow_provider_voiceinfra.sandbox.records import Refusal
from airflow_provider_voiceinfra.sandbox.replies import Reply, error, queued, refusal
from airflow_provider_voiceinfra.sandbox.scenarios import Answer, Notice, Throttle, scenario_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from email.message import Message

    from airflow_provider_voiceinfra.sandbox.accepted_calls import AcceptedCalls
    from airflow_provider_voiceinfra.sandbox.log import Log
    from airflow_provider_voiceinfra.sandbox.records import Dial
    from airflow_provider_voiceinfra.sandbox.sender import WebhookSender

LONGEST_WAIT_FOR_RECEIVER = 10.0


@dataclass(frozen=True, slots=True)
class Pace:
    """The timing of answers, in seconds.

    :param answer_delay: delay of the answer to each accepted call
    :param slow_answer: additional delay in the slow scenario
    :param retry_after: ``Retry-After`` of a 429
    """

    answer_delay: float
    slow_answer: float
    retry_after: int


class CallEndpoint:
    """Answers requests for calls.

    :param now: tells the sandbox's time
    :param stopping: ends all waits when set
    """

    def __init__(
        self,
        *,
        account: Account,
        calls: AcceptedCalls,
        refused: Log[Refusal],
        sender: WebhookSender,
        pace: Pace,
        now: Callable[[], datetime],
        stopping: threading.Event,
    ) -> None:
        self._account = account
        self._calls = calls
        self._refused = refused
        self._sender = sender
        self._pace = pace
        self._now = now
        self._stopping = stopping
        self._lock = threading.Lock()
        self._throttled: set[str] = set()

    def post(self, headers: Message, body: bytes) -> Reply:
        """Answer a request."""
        try:
            request = check(headers, body, self._account)
        except RefusedError as refused:
            return self._refuse(error(refused.status, refused.code, refused.message), None)
        scenario = scenario_of(request.to_number)
        if scenario.throttle is not None and self._is_first(request):
            return self._refuse(self._too_many(request, scenario.throttle), request)
        key = headers["X-API-Key"]
        if not scenario.accepted:
            return self._refuse(self._unaccepted(request, key), request)
        dial = self._calls.accept(request, scenario)
        self._delay_answer(dial)
        return queued(dial) if scenario.status == 200 else refusal(scenario.status, request, key)  # noqa: PLR2004

    def _refuse(self, reply: Reply, request: OutboundRequest | None) -> Reply:
        status = None if reply.answer in {Answer.CLOSED, Answer.RESET} else reply.status
        to_number = request.to_number if request else None
        self._refused.add(Refusal(self._now(), status, reply.code, to_number))
        return reply

    def _unaccepted(self, request: OutboundRequest, key: str) -> Reply:
        scenario = scenario_of(request.to_number)
        if scenario.status == 200:  # noqa: PLR2004
            return Reply(200, b"", answer=scenario.answer)
        return refusal(scenario.status, request, key)

    def _is_first(self, request: OutboundRequest) -> bool:
        with self._lock:
            first = request.fingerprint not in self._throttled
            self._throttled.add(request.fingerprint)
        return first

    def _too_many(self, request: OutboundRequest, throttle: Throttle) -> Reply:
        seconds = self._pace.retry_after
        match throttle:
            case Throttle.SECONDS:
                return refusal(429, request, "", ("Retry-After", str(seconds)))
            case Throttle.DATE:
                date = email.utils.formatdate(math.ceil(time.time() + seconds), usegmt=True)
                return refusal(429, request, "", ("Retry-After", date))
            case Throttle.SILENT:
                return refusal(429, request, "")

    def _delay_answer(self, dial: Dial) -> None:
        if dial.scenario.notice is Notice.BEFORE_ANSWER:
            self._calls.complete(dial.call_id)
            self._sender.wait_until_acknowledged(dial.call_id, LONGEST_WAIT_FOR_RECEIVER)
        slow = self._pace.slow_answer if dial.scenario.answer is Answer.SLOW else 0.0
        if slow + self._pace.answer_delay:
            self._stopping.wait(slow + self._pace.answer_delay)
