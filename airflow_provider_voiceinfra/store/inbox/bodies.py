"""The bodies of completions: known, new and conflicting ones."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.claims.settling import NOTHING_SAID
from airflow_provider_voiceinfra.store.clock import of_host
from airflow_provider_voiceinfra.store.completion_body import is_same_body
from airflow_provider_voiceinfra.store.guard.do_not_call import HASH
from airflow_provider_voiceinfra.store.inbox.delivery import Delivery
from airflow_provider_voiceinfra.store.inbox.opt_out import OptOut, called_number
from airflow_provider_voiceinfra.store.models import DeliveryResult

_columns = schema.completion.c
_KNOWN = (
    sa.select(
        _columns.webhook_conn_id,
        _columns.call_id,
        _columns.digest,
        _columns.id,
        (sa.func.length(_columns.body) == 0).label("purged"),
    )
    .where(_columns.call_id.in_(sa.bindparam("call_ids", expanding=True)))
    .order_by(_columns.id)
)
_PURGED = sa.select(schema.call.c.call_id).where(
    schema.call.c.call_id.in_(sa.bindparam("call_ids", expanding=True)), schema.call.c.purged_at.is_not(None)
)
# Returning the ids makes it one statement for all rows, during which other threads can run.
_INSERT = schema.completion.insert().returning(_columns.id)
_AGAIN = (
    sa.update(schema.completion)
    .where(_columns.id == sa.bindparam("known"))
    .values(redeliveries=_columns.redeliveries + 1, last_redelivered_at=sa.bindparam("at"))
)


@dataclass(slots=True)
class _Body:
    """A body of a call, stored or about to be.

    :param id: its row, if it is stored.
    :param bytes: its content, loaded when needed.
    """

    digest: bytes
    id: int | None = None
    purged: bool = False
    bytes: bytes | None = None


class Bodies:
    """Classifies the completions of one transaction, and writes the new ones.

    :param call_ids: the ``call_id``s that will be added; their locks must be held.
    :param opt_out: detects opt-outs, which are collected in ``opted_out``: ``call_id``, number, and how to keep it.
    """

    def __init__(self, tx: sa.Connection, call_ids: Collection[str], opt_out: OptOut) -> None:
        self.opted_out: list[tuple[str, str, str]] = []
        self._tx = tx
        self._opt_out = opt_out
        self._known: defaultdict[tuple[str, str], list[_Body]] = defaultdict(list)
        self._new: list[dict[str, Any]] = []
        self._again: list[dict[str, Any]] = []
        # The content of these is not stored again, whichever connection it arrives by.
        self._purged: set[str] = set()
        if call_ids:
            wanted = {"call_ids": list(call_ids)}
            self._purged.update(tx.scalars(_PURGED, wanted))
            for conn_id, call_id, digest, row_id, purged in tx.execute(_KNOWN, wanted):
                self._known[conn_id, call_id].append(_Body(digest, row_id, purged))
                if purged:
                    self._purged.add(call_id)

    def add(self, delivery: Delivery) -> DeliveryResult:
        """Classify one completion, to be written by :meth:`write`."""
        known = self._known[delivery.webhook_conn_id, delivery.call_id]
        for each in known:
            if each.purged or each.digest == delivery.digest or is_same_body(self._bytes(each), delivery.body):
                if each.id is not None:
                    self._again.append({"known": each.id, "at": of_host(self._tx, delivery.received_at)})
                return DeliveryResult.DUPLICATE
        opt_out = self._opt_out.asked_for(delivery)
        purged = delivery.call_id in self._purged
        if opt_out and purged:
            opt_out = HASH
        if opt_out and not known and (number := called_number(delivery)):
            self.opted_out.append((delivery.call_id, number, opt_out))
        self._new.append(
            {
                "opt_out": opt_out,
                "webhook_conn_id": delivery.webhook_conn_id,
                "call_id": delivery.call_id,
                "digest": delivery.digest,
                "first": not known,
                "received_at": of_host(self._tx, delivery.received_at),
                "outcome": delivery.outcome,
                "start_time": delivery.start_time,
                "duration_seconds": delivery.duration_seconds,
                "agent_id": delivery.party.agent_id[:255] if delivery.party else "",
                "from_number": delivery.party.from_number[:64] if delivery.party else "",
                "to_number": delivery.party.to_number[:64] if delivery.party else "",
                "body": delivery.body,
                **(NOTHING_SAID if purged else {}),
            }
        )
        known.append(_Body(delivery.digest, bytes=delivery.body))
        return DeliveryResult.DIFFERENT if len(known) > 1 else DeliveryResult.NEW

    def write(self) -> None:
        """Write everything that was added."""
        if self._new:
            self._tx.execute(_INSERT, self._new)
        if self._again:
            self._tx.execute(_AGAIN, self._again)

    def _bytes(self, known: _Body) -> bytes:
        if known.bytes is None:
            known.bytes = self._tx.execute(sa.select(_columns.body).where(_columns.id == known.id)).scalar_one()
        return known.bytes
