"""``POST /calls/outbound``: accepts or refuses calls, and answers as their scenario says."""

from __future__ import annotations

import email.utils
import json
import math
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from email.message import Message

from airflow_provider_voiceinfra.sandbox.accepted_calls import AcceptedCalls
from airflow_provider_voiceinfra.sandbox.log import Log
from airflow_provider_voiceinfra.sandbox.outbound import Account, RefusedError, check
from airflow_provider_voiceinfra.sandbox.records import Dial, OutboundRequest, Refusal
from airflow_provider_voiceinfra.sandbox.replies import Reply, error, queued, refusal
from airflow_provider_voiceinfra.sandbox.scenarios import Answer, Notice, Throttle, scenario_of
from airflow_provider_voiceinfra.sandbox.sender import WebhookSender

LONGEST_WAIT_FOR_RECEIVER = 10.0


class CallEndpoint:
    """Answers requests for calls.

    :param stopping: ends all waits when set
    :param answer_delay: delay of the answer to each accepted call, in seconds
    :param slow_answer: additional delay in the slow scenario
    :param retry_after: ``Retry-After`` of a 429
    """

    def __init__(
        self,
        *,
        account: Account,
        calls: AcceptedCalls,
        refused: Log[Refusal],
        sender: WebhookSender,
        now: Callable[[], datetime],
        stopping: threading.Event,
        answer_delay: float,
        slow_answer: float,
        retry_after: int,
    ) -> None:
        self._account = account
        self._calls = calls
        self._refused = refused
        self._sender = sender
        self._now = now
        self._stopping = stopping
        self._answer_delay = answer_delay
        self._slow_answer = slow_answer
        self._retry_after = retry_after
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
            reply = refusal(scenario.status, request, key) if scenario.status else Reply(0, b"", answer=scenario.answer)
            return self._refuse(reply, request)
        dial = self._calls.accept(request, scenario)
        self._delay_answer(dial)
        return queued(dial) if scenario.status == 200 else refusal(scenario.status, request, key)  # noqa: PLR2004

    def _refuse(self, reply: Reply, request: OutboundRequest | None) -> Reply:
        to_number = request.to_number if request else None
        self._refused.add(Refusal(self._now(), reply.status or None, reply.code, to_number))
        return reply

    def _is_first(self, request: OutboundRequest) -> bool:
        body = json.dumps(asdict(request), sort_keys=True)
        with self._lock:
            first = body not in self._throttled
            self._throttled.add(body)
        return first

    def _too_many(self, request: OutboundRequest, throttle: Throttle) -> Reply:
        match throttle:
            case Throttle.SECONDS:
                return refusal(429, request, "", ("Retry-After", str(self._retry_after)))
            case Throttle.DATE:
                date = email.utils.formatdate(math.ceil(time.time() + self._retry_after), usegmt=True)
                return refusal(429, request, "", ("Retry-After", date))
            case Throttle.SILENT:
                return refusal(429, request, "")

    def _delay_answer(self, dial: Dial) -> None:
        if dial.scenario.notice is Notice.BEFORE_ANSWER:
            self._calls.complete(dial.call_id)
            self._sender.wait_until_acknowledged(dial.call_id, LONGEST_WAIT_FOR_RECEIVER)
        slow = self._slow_answer if dial.scenario.answer is Answer.SLOW else 0.0
        if slow + self._answer_delay:
            self._stopping.wait(slow + self._answer_delay)
