"""A call that is to be claimed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from airflow_provider_voiceinfra.store.guard.rules import Rules
from airflow_provider_voiceinfra.store.models import Realm, Source


@dataclass(frozen=True, slots=True)
class ClaimRequest:
    """A call that is to be claimed: everything that the store keeps of it before the POST, and its rules.

    :param key: the whole idempotency key; only its hash and ``key_label`` are kept.
    :param base_key: the key without clear and attempt: what all calls of one intent share.
    :param key_label: the key for people to read, phone numbers in it masked.
    :param own_key: whether the user chose it.
    :param host: the API's, in its one spelling.
    :param clear: which clear of the task asks to call again, once the earlier call has ended; 0 for none.
    :param attempt: the first call of an intent is 1, a redial of it 2, and so on; the base key is the same.
    :param list_id: of the call list that it belongs to.
    :param list_row: its row there.
    :param variant: its variant there, if the list has some.
    :param other_numbers: of the same callee. If they have opted out at one of them, they are not called.
    :param settle_timeout: for how long from now a completion may settle it, if VoiceInfra's answer is lost.
    :param request: first message, context and variables, as they will be sent.
    :param fingerprint: a short hash of each field of the request, by the field's name.
    :param rules: that the guard checks it against, when it is claimed and before each POST.
    """

    key: str = field(repr=False)
    base_key: str = field(repr=False)
    key_label: str
    own_key: bool
    settle_timeout: timedelta
    realm: Realm
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
    clear: int = 0
    attempt: int = 1
    list_id: str | None = None
    list_row: int | None = None
    variant: str | None = None
    other_numbers: tuple[str, ...] = field(default=(), repr=False)
    rules: Rules = field(default=Rules(), repr=False)
