"""What the call store holds, as values: calls, completions and their states."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple


class CallState(StrEnum):
    """Where a call is on its way."""

    WAITING = "waiting"
    """The guard does not let it be dialled yet; whoever asks for it again, under its key, goes on."""
    DO_NOT_CALL = "do_not_call"
    """The person does not want to be called."""
    NOT_ALLOWED = "not_allowed"
    """Its number is not among those that the connection may call."""
    NO_TIMEZONE = "no_timezone"
    """The callee's time zone is unknown."""
    CALLED_RECENTLY = "called_recently"
    """The person was called a short while ago."""
    EXPIRED = "expired"
    """Its ``not_after`` has passed."""
    CANCELLED = "cancelled"
    """It waited for a pause to end, which was ended with ``--cancel``."""
    CLAIMED = "claimed"
    """Somebody may be placing it at this moment."""
    RELEASED = "released"
    """Nothing was sent; its key may be used again."""
    REJECTED = "rejected"
    """VoiceInfra refused it; its key may be used again."""
    UNKNOWN = "unknown"
    """It may have been placed: nobody learned the answer. Never dialled again by itself."""
    NOT_PLACED = "not_placed"
    """A person found out that an unknown call was not placed; its key may be used again."""
    QUEUED = "queued"
    """VoiceInfra took it and gave it a ``call_id``."""
    OVERDUE = "overdue"
    """Queued, but its completion did not come in time. It still may."""
    COMPLETED = "completed"
    """Its completion is in the store."""


OUTCOMES = ("answered", "voicemail", "failed")
"""The outcomes of a call that VoiceInfra documents. A webhook may carry another one, which is kept as it is."""


class Realm(StrEnum):
    """Whether a call rings a phone. Keys of the two never meet."""

    LIVE = "live"
    """Placed at VoiceInfra."""
    SANDBOX = "sandbox"
    """Placed at a sandbox, on this machine."""


BLOCKED_STATES = frozenset(
    {
        CallState.DO_NOT_CALL,
        CallState.NOT_ALLOWED,
        CallState.NO_TIMEZONE,
        CallState.CALLED_RECENTLY,
        CallState.EXPIRED,
        CallState.CANCELLED,
    }
)
"""States of calls that the guard has blocked: nothing was sent. A clear of their task asks again."""

KEY_FREE_STATES = BLOCKED_STATES | {CallState.RELEASED, CallState.REJECTED, CallState.NOT_PLACED, CallState.WAITING}
"""States of calls that were not placed, and may be claimed again."""

MAY_HAVE_RUNG = frozenset(
    {CallState.CLAIMED, CallState.QUEUED, CallState.UNKNOWN, CallState.OVERDUE, CallState.COMPLETED}
)
"""States of calls for which a phone rings, has rung or may have rung."""


@dataclass(frozen=True, slots=True)
class Source:
    """Which task asks for a call.

    :param logical_run: the run's logical date if it has one, else its id: a run that is deleted and created again is
        the same.
    :param generation: Airflow's ``ti.max_tries``: grows when the task is cleared, not when it is retried.
    """

    dag_id: str | None = None
    run_id: str | None = None
    logical_run: str | None = None
    task_id: str | None = None
    map_index: int = -1
    generation: int = 0

    def is_same_task(self, other: Source) -> bool:
        """Tell whether both are the same task of the same logical run, whichever clear of it asks."""
        ours, theirs = ((each.dag_id, each.logical_run, each.task_id, each.map_index) for each in (self, other))
        return ours == theirs


class CallParties(NamedTuple):
    """Who calls whom, by which account."""

    webhook_conn_id: str
    agent_id: str
    from_number: str
    to_number: str

    @classmethod
    def of(cls, row: Any) -> CallParties:
        """Read it from a row of calls or of completions."""
        return cls(row.webhook_conn_id, row.agent_id, row.from_number, row.to_number)


@dataclass(frozen=True, slots=True)
class Event:
    """A step in a call's history.

    :param kind: a word such as ``claimed``.
    :param actor: who did it, where a person did.
    """

    at: datetime
    kind: str
    actor: str | None
    detail: Mapping[str, str]


class DeliveryResult(StrEnum):
    """What a delivery brought."""

    NEW = "new"
    """The completion of a call."""
    DUPLICATE = "duplicate"
    """Nothing that was not there."""
    CONFLICT = "conflict"
    """Another body for a call that had one: kept beside the first, and never acted upon."""
    CONTRADICTION = "contradiction"
    """A completion that names another number than was called: kept, and it completes nothing."""
    QUARANTINED = "quarantined"
    """Something that is not understood."""


@dataclass(frozen=True, slots=True)
class Completion:
    """The record that a ``call.completed`` webhook carried.

    :param outcome: VoiceInfra's ``call_outcome``: ``answered``, ``voicemail`` or ``failed``.
    :param duration_seconds: from answer to hang-up.
    :param extracted: the data that the agent was told to extract; its fields depend on the agent.
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
        """Give a field by our name (``extracted``), else by VoiceInfra's; None where there is none."""
        return self.extracted if name == "extracted" else self.payload.get(name)


@dataclass(frozen=True, slots=True)
class Call:
    """One outbound phone call, as the call store knows it. All times are UTC.

    :param ref: its short public handle (``vc_…``), the only name used in messages and commands.
    :param environment: ``[voiceinfra] environment`` of the Airflow that placed it.
    :param call_id: VoiceInfra's name for it, once the POST is answered.
    :param claimed_at: when it was claimed, before the POST.
    :param deadline: until when its completion may settle it, where nobody received VoiceInfra's answer.
    :param queued_at: when VoiceInfra's answer was recorded; None where the answer was lost.
    :param completed_at: when its completion arrived.
    :param error_code: VoiceInfra's code where it was rejected.
    :param attempt: 1, or more for a redial.
    :param list_id: of the call list that it belongs to.
    :param rule: of the guard, which refuses it or lets it wait.
    :param wait_until: when it may be worth to ask again, where it waits and that is known.
    :param metadata: what the DAG asked to keep with the call; never sent.
    :param purged_at: when its number and all words about it were removed, see ``[voiceinfra] retention_days``.
    :param completion: what was said, once the call is completed.
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
    rule: str | None
    wait_until: datetime | None
    purged_at: datetime | None
    completion: Completion | None
