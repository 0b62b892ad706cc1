"""The accepted calls and their endings."""

from __future__ import annotations

import threading
import uuid
import zlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial

from airflow_provider_voiceinfra.sandbox.conversation import completion
from airflow_provider_voiceinfra.sandbox.log import Log
from airflow_provider_voiceinfra.sandbox.records import Dial, OutboundRequest
from airflow_provider_voiceinfra.sandbox.scenarios import OTHER_NUMBER, OUTCOMES, Notice, Outcome, Scenario
from airflow_provider_voiceinfra.sandbox.schedule import Schedule
from airflow_provider_voiceinfra.sandbox.sender import WebhookSender
from airflow_provider_voiceinfra.sandbox.webhooks import Webhook


@dataclass(frozen=True, slots=True)
class Ending:
    """How a call ends: an outcome, or None for the scenario's, and fields that replace the webhook's."""

    outcome: Outcome | None
    fields: Mapping[str, object]

    def __post_init__(self) -> None:
        if self.outcome is not None and self.outcome not in OUTCOMES:
            msg = f"outcome must be one of {', '.join(OUTCOMES)}, not {self.outcome!r}"
            raise ValueError(msg)


AS_SCRIPTED = Ending(None, {})


@dataclass(frozen=True, slots=True)
class _Call:
    dial: Dial
    nth: int
    ended: bool = False


class AcceptedCalls:
    """Accepts calls, ends them after their duration, and sends their webhooks.

    :param delay: minimum and maximum duration of a call in seconds; None to complete calls by hand
    """

    def __init__(
        self,
        *,
        dials: Log[Dial],
        sender: WebhookSender,
        schedule: Schedule,
        delay: tuple[float, float] | None,
        late: float,
    ) -> None:
        self._dials = dials
        self._sender = sender
        self._schedule = schedule
        self._delay = delay
        self._late = late
        self._lock = threading.Lock()
        self._calls: dict[str, _Call] = {}
        self._calls_to: Counter[str] = Counter()
        self._endings: dict[str, Ending] = {}

    def accept(self, request: OutboundRequest, scenario: Scenario) -> Dial:
        """Accept a call: from here on, a phone would ring."""
        dial = Dial(
            call_id=f"call_{uuid.uuid4().hex[:20]}",
            at=self._schedule.now(),
            scenario=scenario,
            **asdict(request),
        )
        with self._lock:
            self._calls_to[dial.to_number] += 1
            self._calls[dial.call_id] = _Call(dial, self._calls_to[dial.to_number])
        self._dials.add(dial)
        seconds = self._seconds_to_webhook(dial)
        if seconds is not None:
            self._schedule.after(seconds, partial(self._end, dial.call_id))
        return dial

    def decide(self, number: str, ending: Ending) -> None:
        """Set the ending of all open and later calls to a number."""
        self._endings[number] = ending

    def complete(self, call_id: str, ending: Ending = AS_SCRIPTED) -> None:
        """End a call now and send its webhook. A call that has ended already gets another webhook.

        :raises LookupError: if there is no such call
        """
        call = self._mark_ended(call_id)
        if call is None:
            msg = f"There is no call {call_id!r}"
            raise LookupError(msg)
        self._sender.send(self._webhook(call, ending))

    def _end(self, call_id: str) -> None:
        call = self._mark_ended(call_id)
        if call is not None and not call.ended:
            self._sender.send(self._webhook(call, AS_SCRIPTED))

    def _mark_ended(self, call_id: str) -> _Call | None:
        """Return the call as it was before."""
        with self._lock:
            call = self._calls.get(call_id)
            if call is not None:
                self._calls[call_id] = replace(call, ended=True)
        return call

    def _seconds_to_webhook(self, dial: Dial) -> float | None:
        notice = dial.scenario.notice
        if self._delay is None or notice in {Notice.NEVER, Notice.BEFORE_ANSWER}:
            return None
        shortest, longest = self._delay
        share = zlib.crc32(dial.call_id.encode()) / 2**32
        return shortest + share * (longest - shortest) + (self._late if notice is Notice.LATE else 0.0)

    def _webhook(self, call: _Call, ending: Ending) -> Webhook:
        scenario = call.dial.scenario
        decided = self._endings.get(call.dial.to_number, AS_SCRIPTED)
        outcome = ending.outcome or decided.outcome or scenario.outcome
        make_payload = partial(completion, call.dial, nth=call.nth)
        payload = make_payload(outcome)
        if scenario.notice is Notice.WITHOUT_START_TIME:
            del payload["start_time"]
        if scenario.notice is Notice.OTHER_NUMBER:
            payload["to_number"] = OTHER_NUMBER
        payload |= {**decided.fields, **ending.fields}
        match scenario.notice:
            case Notice.TWICE:
                return Webhook.of(payload, then=Webhook.of(payload))
            case Notice.CONTRADICTED:
                other: Outcome = "failed" if outcome == "voicemail" else "voicemail"
                return Webhook.of(payload, then=Webhook.of(make_payload(other)))
        return Webhook.of(payload)
