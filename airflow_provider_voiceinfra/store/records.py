"""What the call store holds, as values: calls, completions and their states."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class CallState(StrEnum):
    """Where a call is on its way."""

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


@dataclass(frozen=True, slots=True)
class Source:
    """Which task asks for a call.

    :param generation: Airflow's ``ti.max_tries``: grows when the task is cleared, not when it is retried.
    """

    dag_id: str | None = None
    run_id: str | None = None
    task_id: str | None = None
    map_index: int = -1
    generation: int = 0


@dataclass(frozen=True, slots=True)
class NewCall:
    """A call to be claimed: everything the store keeps of it before the POST.

    :param key: the whole idempotency key; only its hash and ``key_label`` are kept.
    :param key_label: the key for people to read, phone numbers in it hashed.
    :param request: first message, context and variables, as they will be sent.
    :param fingerprint: a short hash of each field of the request, by the field's name.
    """

    key: str = field(repr=False)
    key_label: str
    host: str
    conn_id: str
    webhook_conn_id: str
    source: Source
    agent_id: str
    from_number: str = field(repr=False)
    to_number: str = field(repr=False)
    request: Mapping[str, Any] = field(repr=False)
    fingerprint: Mapping[str, str]
    metadata: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Claim:
    """A call that we hold the claim on; ``owner`` proves it at each step."""

    id: int
    ref: str
    owner: str


@dataclass(frozen=True, slots=True)
class Held:
    """The idempotency key belongs to another call, named by its ref."""

    ref: str


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


@dataclass(frozen=True, slots=True)
class Call:
    """One outbound phone call, as the call store knows it. All times are UTC.

    :param ref: its short public handle (``vc_…``), the only name used in messages and commands.
    :param call_id: VoiceInfra's name for it, once the POST is answered.
    :param claimed_at: when it was claimed, before the POST.
    :param queued_at: when VoiceInfra's answer was recorded.
    :param completed_at: when its completion arrived.
    :param error_code: VoiceInfra's code where it was rejected.
    :param metadata: what the DAG asked to keep with the call; never sent.
    :param completion: what was said, once the call is completed.
    """

    id: int = field(repr=False)
    ref: str
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
    queued_at: datetime | None
    completed_at: datetime | None
    error_code: str | None
    error_message: str | None
    completion: Completion | None
