"""Stores deliveries of webhooks, each body once; many deliveries share one commit."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.claims.recovery import lock_party, recover_all
from airflow_provider_voiceinfra.store.claims.settling import Settled, lock_call_id, settle
from airflow_provider_voiceinfra.store.clock import read_time
from airflow_provider_voiceinfra.store.engine import Database
from airflow_provider_voiceinfra.store.errors import StoreError, StoreValueError
from airflow_provider_voiceinfra.store.feed.completed_calls import add_foreign
from airflow_provider_voiceinfra.store.guard.do_not_call import add_person
from airflow_provider_voiceinfra.store.history import record_events
from airflow_provider_voiceinfra.store.inbox.bodies import Bodies
from airflow_provider_voiceinfra.store.inbox.delivery import Delivery
from airflow_provider_voiceinfra.store.inbox.forwards import add_forwards
from airflow_provider_voiceinfra.store.inbox.opt_out import OptOut
from airflow_provider_voiceinfra.store.inbox.quarantine import add_to_quarantine, take_from_quarantine
from airflow_provider_voiceinfra.store.models import CallParties, DeliveryResult
from airflow_provider_voiceinfra.store.notify import notify


class Deliveries:
    """Stores deliveries of webhooks.

    :param forward_to: URLs of other environments to which each delivery is forwarded.
    :param opt_out: detects callees who ask not to be called again.
    """

    def __init__(self, database: Database, forward_to: Collection[str], opt_out: OptOut) -> None:
        self._database = database
        self._forward_to = forward_to
        self._opt_out = opt_out

    def keep(self, deliveries: Sequence[Delivery]) -> list[DeliveryResult]:
        """Store deliveries in one transaction, and complete their calls.

        A redelivery changes nothing. A different body for the same ``call_id`` is kept beside the first one, without
        effect. A completion that arrives before the POST is answered waits for its call. A body that is not understood
        goes to quarantine.

        :return: the result of each.
        :raises StoreError: if the store cannot be used; then nothing is stored.
        """
        try:
            with self._database.write() as tx:
                quarantined = iter(add_to_quarantine(tx, [(each, each.reason) for each in deliveries if each.reason]))
                results = _complete(tx, _completions(deliveries), self._opt_out)
                kept = [next(quarantined if each.reason else results) for each in deliveries]
                new = [
                    each for each, what in zip(deliveries, kept, strict=True) if what is not DeliveryResult.DUPLICATE
                ]
                add_forwards(tx, new, self._forward_to)
        except StoreValueError:
            return self._keep_each(deliveries)
        return kept

    def reprocess(self, row_id: int, call_id: str, *, actor: str) -> DeliveryResult:
        """Store a webhook in quarantine as the completion of a call that a person has identified.

        :param actor: that person, whom the call's history records.
        :raises StoreError: if there is no such webhook, or it cannot complete this call.
        """
        with self._database.write() as tx:
            conn_id, received_at, body = take_from_quarantine(tx, row_id)
            mine = (schema.call.c.call_id == call_id, schema.call.c.webhook_conn_id == conn_id)
            calls = tx.scalars(sa.select(schema.call.c.id).where(*mine)).all()
            if not calls:
                raise StoreError(
                    f"Webhook {row_id} arrived by connection {conn_id!r}, which did not place call {call_id}."
                )
            delivery = Delivery.read_for(call_id, conn_id, received_at, body)
            (kept,) = _complete(tx, _completions([delivery]), self._opt_out)
            record_events(tx, "reprocessed", {call: {"webhook": str(row_id)} for call in calls}, actor=actor)
        return kept

    def _keep_each(self, deliveries: Sequence[Delivery]) -> list[DeliveryResult]:
        """Store deliveries one by one, after the database has rejected one of them."""
        if len(deliveries) > 1:
            return [kept for each in deliveries for kept in self.keep([each])]
        with self._database.write() as tx:
            return add_to_quarantine(tx, [(each, "the database rejects a value in it") for each in deliveries])


def _completions(deliveries: Sequence[Delivery]) -> list[tuple[Delivery, CallParties]]:
    return [(each, each.party) for each in deliveries if each.party is not None]


def _complete(
    tx: sa.Connection, completions: Sequence[tuple[Delivery, CallParties]], opt_out: OptOut
) -> Iterator[DeliveryResult]:
    """Store completions, and complete their calls.

    :return: the result of each.
    """
    if not completions:
        return iter(())
    call_ids = {each.call_id for each, _ in completions}
    lock_party(tx, *{party for _, party in completions})
    lock_call_id(tx, *call_ids)
    read_time(tx)
    bodies = Bodies(tx, call_ids, opt_out)
    results = [bodies.add(each) for each, _ in completions]
    bodies.write()
    for call_id, number, kept_as in bodies.opted_out:
        add_person(tx, number, kept_as, call_id)
    news = [each for (each, _), what in zip(completions, results, strict=True) if what is not DeliveryResult.DUPLICATE]
    if not news:
        return iter(results)
    notify(tx, [each.call_id for each in news])
    settled = settle(tx, {each.call_id for each in news})
    results = [_after(settled, each, what) for (each, _), what in zip(completions, results, strict=True)]
    others = [
        (each, party)
        for (each, party), what in zip(completions, results, strict=True)
        if what is DeliveryResult.NEW and each.call_id not in settled.call_ids
    ]
    recover_all(tx, {party for _, party in others})
    add_foreign(tx, {each.call_id for each, _ in others})
    return iter(results)


def _after(settled: Settled, delivery: Delivery, results: DeliveryResult) -> DeliveryResult:
    """Return the result of a delivery, once it is known which completions have completed calls."""
    if results is DeliveryResult.DUPLICATE:
        return results
    if delivery.digest in settled.contradicting:
        return DeliveryResult.CONTRADICTION
    return DeliveryResult.NEW if delivery.digest in settled.taken else results
