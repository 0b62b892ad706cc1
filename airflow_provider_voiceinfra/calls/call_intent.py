"""A call that somebody wants placed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from airflow_provider_voiceinfra.calls.account import Account
from airflow_provider_voiceinfra.calls.keys import IdempotencyKey
from airflow_provider_voiceinfra.calls.request import CallRequest
from airflow_provider_voiceinfra.guard.constraints import Wishes
from airflow_provider_voiceinfra.store.models import NewCall, Source

PATIENCE = timedelta(hours=2)
"""For how long a call whose answer nobody received may be settled by its completion."""


@dataclass(frozen=True, slots=True)
class CallIntent:
    """A call that somebody wants placed, once.

    :param metadata: kept with the call, never sent.
    :param patience: for how long it may be settled by its completion, should nobody receive the answer.
    :param wishes: when it may be placed.
    :param list_id: of the call list that it belongs to.
    :param list_row: its row there.
    """

    key: IdempotencyKey
    request: CallRequest
    source: Source
    metadata: Mapping[str, Any] = field(default_factory=dict, repr=False)
    patience: timedelta = PATIENCE
    wishes: Wishes = field(default_factory=Wishes)
    list_id: str | None = None
    list_row: int | None = None

    def new_call(self, account: Account) -> NewCall:
        """Say what the call store keeps of it.

        :param account: by which it is to be placed.
        """
        request = self.request
        return NewCall(
            key=self.key.full_text,
            base_key=self.key.text,
            key_label=self.key.label,
            own_key=self.key.own,
            clear=self.key.clear,
            attempt=self.key.attempt,
            patience=self.patience,
            realm=account.realm,
            host=account.host,
            conn_id=account.conn_id,
            webhook_conn_id=account.webhook_conn_id,
            source=self.source,
            agent_id=request.agent_id,
            from_number=request.from_number,
            to_number=request.to_number,
            request=request.words(),
            fingerprint=request.fingerprint(),
            metadata=self.metadata,
            list_id=self.list_id,
            list_row=self.list_row,
        )
