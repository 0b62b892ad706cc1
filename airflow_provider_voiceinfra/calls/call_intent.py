"""A call that is to be placed, once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from airflow_provider_voiceinfra.calls.account import Account
from airflow_provider_voiceinfra.calls.keys import IdempotencyKey
from airflow_provider_voiceinfra.calls.request import CallRequest
from airflow_provider_voiceinfra.guard.constraints import CallConstraints, rules_for
from airflow_provider_voiceinfra.store.guard.claim_request import ClaimRequest
from airflow_provider_voiceinfra.store.models import Source

SETTLE_TIMEOUT = timedelta(hours=2)
"""For how long a completion may settle a call whose answer was lost."""


@dataclass(frozen=True, slots=True)
class CallIntent:
    """A call that is to be placed, once.

    :param metadata: stored with the call, never sent.
    :param settle_timeout: how long a completion may settle it, if VoiceInfra's answer is lost.
    :param constraints: when it may be placed.
    :param list_id: the call list that it belongs to, if any.
    :param list_row: the row's id in that list.
    :param variant: its variant in that list, if there are some.
    :param other_numbers: of the same callee, in E.164.
    """

    key: IdempotencyKey
    request: CallRequest
    source: Source
    metadata: Mapping[str, Any] = field(default_factory=dict, repr=False)
    settle_timeout: timedelta = SETTLE_TIMEOUT
    constraints: CallConstraints = field(default_factory=CallConstraints)
    list_id: str | None = None
    list_row: int | None = None
    variant: str | None = None
    other_numbers: tuple[str, ...] = field(default=(), repr=False)

    def claim_request(self, account: Account) -> ClaimRequest:
        """Return what the call store checks and stores of it."""
        request = self.request
        return ClaimRequest(
            key=self.key.full_text,
            base_key=self.key.text,
            key_label=self.key.label,
            own_key=self.key.own,
            clear=self.key.clear,
            attempt=self.key.attempt,
            settle_timeout=self.settle_timeout,
            realm=account.realm,
            host=account.host,
            conn_id=account.conn_id,
            webhook_conn_id=account.webhook_conn_id,
            source=self.source,
            agent_id=request.agent_id,
            from_number=request.from_number,
            to_number=request.to_number,
            request=request.content(),
            fingerprint=request.fingerprint(),
            metadata=self.metadata,
            list_id=self.list_id,
            list_row=self.list_row,
            variant=self.variant,
            other_numbers=self.other_numbers,
            rules=rules_for(account.limits, self.constraints, request.to_number),
        )
