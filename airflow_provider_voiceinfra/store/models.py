"""Values of the call store: calls, completions and their states."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple, NoReturn


class CallState(StrEnum):
    """The state of a call."""

    WAITING = "waiting"
    """Deferred by the guard; the next request with its key continues it."""
    DO_NOT_CALL = "do_not_call"
    """The callee is on the do-not-call list."""
    NOT_ALLOWED = "not_allowed"
    """Its number is not among those that the connection may call."""
    NO_TIMEZONE = "no_timezone"
    """The callee's time zone is unknown."""
    EXPIRED = "expired"
    """Its ``not_after`` has passed."""
    CANCELLED = "cancelled"
    """It waited for a pause that was ended with ``--cancel``."""
    CLAIMED = "claimed"
    """It may be being placed at this moment."""
    RELEASED = "released"
    """Nothing was sent; its key may be used again."""
    REJECTED = "rejected"
    """Rejected by VoiceInfra; its key may be used again."""
    UNKNOWN = "unknown"
    """It may have been placed, but the answer was lost. Never dialled again automatically."""
    NOT_PLACED = "not_placed"
    """A person has resolved an unknown call as not placed; its key may be used again."""
    QUEUED = "queued"
    """Accepted by VoiceInfra, with a ``call_id``."""
    OVERDUE = "overdue"
    """Queued, but its completion did not arrive in time. It still may."""
    COMPLETED = "completed"
    """Its completion is in the store."""


ANSWERED = "answered"
OUTCOMES = (ANSWERED, "voicemail", "failed")
"""The outcomes of a call that VoiceInfra documents. Another outcome in a webhook is kept as it is."""


class Realm(StrEnum):
    """Whether a call rings a phone. Keys of the two realms never conflict."""

    LIVE = "live"
    """Placed at VoiceInfra."""
    SANDBOX = "sandbox"
    """Placed at a sandbox on this machine."""


BLOCKED_STATES = frozenset(
    {
        CallState.DO_NOT_CALL,
        CallState.NOT_ALLOWED,
        CallState.NO_TIMEZONE,
        CallState.EXPIRED,
        CallState.CANCELLED,
    }
)
"""States of calls that the guard has blocked: nothing was sent. A clear of their task checks again."""

KEY_FREE_STATES = BLOCKED_STATES | {CallState.RELEASED, CallState.REJECTED, CallState.NOT_PLACED, CallState.WAITING}
"""States of calls that were not placed, and may be claimed again."""

MAY_HAVE_RUNG = frozenset(
    {CallState.CLAIMED, CallState.QUEUED, CallState.UNKNOWN, CallState.OVERDUE, CallState.COMPLETED}
)
"""States of calls for which a phone may ring or may have rung."""


@dataclass(frozen=True, slots=True)
class Source:
    """The task that places a call.

    :param logical_run: the run's logical date if it has one, else its id: a run that was deleted and recreated is the
        same.
    :param generation: Airflow's ``ti.max_tries``, which grows when the task is cleared, not when it is retried.
    """

    dag_id: str | None = None
    run_id: str | None = None
    logical_run: str | None = None
    task_id: str | None = None
    map_index: int = -1
    generation: int = 0

    def is_same_task(self, other: Source) -> bool:
        """Return whether both are the same task of the same logical run, in any generation."""
        ours, theirs = ((each.dag_id, each.logical_run, each.task_id, each.map_index) for each in (self, other))
        return ours == theirs


class CallParties(NamedTuple):
    """The parties of a call: account, agent, caller ID and callee."""

    webhook_conn_id: str
    agent_id: str
    from_number: str
    to_number: str

    @classmethod
    def of(cls, row: Any) -> CallParties:
        """Read the parties from a row of calls or of completions."""
        return cls(row.webhook_conn_id, row.agent_id, row.from_number, row.to_number)


@dataclass(frozen=True, slots=True)
class Event:
    """An event in a call's history.

    :param kind: the kind of event, such as ``claimed``.
    :param actor: the person who did it, if any.
    """

    at: datetime
    kind: str
    actor: str | None
    detail: Mapping[str, str]


class DeliveryResult(StrEnum):
    """The result of storing a delivery."""

    NEW = "new"
    """The completion of a call."""
    DUPLICATE = "duplicate"
    """A body that is already stored."""
    DIFFERENT = "different"
    """A different body for a call that has one: kept beside the first, without effect."""
    CONTRADICTION = "contradiction"
    """A completion with another number than was called: kept, without effect."""
    QUARANTINED = "quarantined"
    """A body that is not understood."""


class NoXCom:
    """Cannot be an XCom, which Airflow stores and shows: it contains phone numbers and content."""

    __slots__ = ()

    def serialize(self) -> NoReturn:
        """Raise an error that says what to return from a task instead. Airflow calls this for a task's return value.

        :raises TypeError: always.
        """
        raise TypeError(
            f"A {type(self).__name__} contains phone numbers and content, so it cannot be an XCom, which Airflow "
            "stores and shows. Return its call_id or ref, and call VoiceInfraHook().get_call(…) again where you need "
            "more; or return single fields, such as call.completion.outcome."
        )


@dataclass(frozen=True, slots=True)
class Completion(NoXCom):
    """The record that a ``call.completed`` webhook carries.

    :param outcome: VoiceInfra's ``call_outcome``: ``answered``, ``voicemail`` or ``failed``.
    :param duration_seconds: from answer to hang-up.
    :param extracted: the data that the agent extracted; its fields depend on the agent.
    :param payload: the whole body of the webhook, fields unknown to this version included.
    """

    call_id: str
    outcome: str
    duration_seconds: int | None = None
    start_time: datetime | None = None
    end_time: datetime | None = None
    agent_id: str | None = None
    from_number: str | None = field(default=None, repr=False)
    to_number: str | None = field(default=None, repr=False)
    recording_url: str | None = field(default=None, repr=False)
    transcript: str | None = field(default=None, repr=False)
    summary: str | None = field(default=None, repr=False)
    extracted: dict[str, Any] = field(default_factory=dict, repr=False)
    payload: dict[str, Any] = field(default_factory=dict, repr=False)

    def field(self, name: str) -> Any:
        """Return ``extracted``, or a field by VoiceInfra's name; None if it does not exist."""
        return self.extracted if name == "extracted" else self.payload.get(name)


class Goal(StrEnum):
    """Whether an answered call has reached its goal, see :class:`~airflow_provider_voiceinfra.policies.Redial`."""

    MET = "met"
    MISSED = "missed"
    UNREADABLE = "unreadable"
    """The extracted field is missing, or is neither a yes nor a no."""


NO_GOAL = "no_goal"
"""The result of an answered call that has missed its goal."""


@dataclass(frozen=True, slots=True)
class Extraction:
    """What the agent extracted from an answered call, as far as it decides about other calls.

    :param goal: None if it has none.
    :param callback_at: when the callee is called back, as they asked.
    :param is_callback_ignored: whether they asked for a time that is not used.
    """

    goal: Goal | None = None
    callback_at: datetime | None = None
    is_callback_ignored: bool = False

    @property
    def requests_callback(self) -> bool:
        """Whether the callee asked to be called back, at a time that is used or not."""
        return self.callback_at is not None or self.is_callback_ignored


@dataclass(frozen=True, slots=True)
class EndedCall:
    """How a call ended, as far as it decides about other calls.

    :param outcome: its outcome, or its state if it was not completed.
    :param placed_at: when VoiceInfra's answer was recorded, or else when it was claimed.
    :param ended_at: when it was completed, or else when it was claimed.
    :param extraction: what decides about other calls in what the agent extracted, once that is recorded.
    """

    attempt: int
    outcome: str
    placed_at: datetime
    ended_at: datetime
    extraction: Extraction | None = None

    @property
    def result(self) -> str:
        """Its outcome, or that it missed its goal."""
        return NO_GOAL if self.extraction is not None and self.extraction.goal is Goal.MISSED else self.outcome


@dataclass(frozen=True, slots=True)
class Call(NoXCom):
    """One outbound phone call, as the call store knows it. All times are UTC.

    :param ref: its short public handle (``vc_…``), the only name used in messages and commands.
    :param environment: ``[voiceinfra] environment`` of the Airflow deployment that placed it.
    :param call_id: VoiceInfra's id, known after the POST is answered.
    :param claimed_at: when it was claimed, before the POST.
    :param deadline: until when a completion may settle it if VoiceInfra's answer was lost.
    :param queued_at: when VoiceInfra's answer was recorded; None if the answer was lost.
    :param completed_at: when its completion arrived.
    :param error_code: VoiceInfra's error code, if it was rejected.
    :param attempt: 1, or more for a redial.
    :param list_id: the call list that it belongs to, if any.
    :param variant: its variant in that list, if any.
    :param rule: the rule of the guard that blocks or defers it, if any.
    :param wait_until: when a deferred call may be tried again, if that is known.
    :param goal: whether it has reached the goal of its ``Redial``, once that is decided.
    :param callback_at: when the callee is called back, as they asked.
    :param metadata: data of the DAG that is stored with the call and never sent.
    :param purged_at: when its number and content were removed, see ``[voiceinfra] retention_days``.
    :param completion: its completion, once it is completed.
    """

    id: int = field(repr=False)
    ref: str
    environment: str
    state: CallState
    call_id: str | None
    idempotency_key: str
    host: str
    conn_id: str
    source: Source
    agent_id: str
    from_number: str = field(repr=False)
    to_number: str = field(repr=False)
    fingerprint: Mapping[str, str] = field(repr=False)
    request: Mapping[str, Any] = field(repr=False)
    metadata: Mapping[str, Any] = field(repr=False)
    claimed_at: datetime
    claim_expires_at: datetime
    deadline: datetime
    queued_at: datetime | None
    completed_at: datetime | None
    error_code: str | None
    error_message: str | None
    attempt: int
    list_id: str | None
    variant: str | None
    rule: str | None
    wait_until: datetime | None
    goal: str | None
    callback_at: datetime | None
    purged_at: datetime | None
    completion: Completion | None
