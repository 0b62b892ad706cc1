"""What people find out about unknown calls."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from airflow_provider_voiceinfra.phone_numbers.number_match import NumberMatch, compare_numbers
from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.claims.recovery import Candidates, candidates, lock_party, recover
from airflow_provider_voiceinfra.store.claims.settling import lock_call_id, settle
from airflow_provider_voiceinfra.store.engine import Database
from airflow_provider_voiceinfra.store.errors import StoreError
from airflow_provider_voiceinfra.store.guard.refunds import refund
from airflow_provider_voiceinfra.store.history import record_event
from airflow_provider_voiceinfra.store.models import CallParties, CallState


class ResolutionError(StoreError):
    """The call cannot be resolved like this; says why."""


class Resolutions:
    """Settles unknown calls by what a person found out, and records who did.

    :param database: the store's database.
    :param environment: the calls of others are not seen.
    """

    def __init__(self, database: Database, environment: str) -> None:
        self._database = database
        self._environment = environment

    def placed(self, ref: str, call_id: str, *, actor: str) -> None:
        """Settle an unknown call that was placed; where its completion has come, it is completed.

        :param call_id: as VoiceInfra's call log has it.
        :param actor: who found out.
        :raises ResolutionError: if the call is not unknown, or the ``call_id`` is that of another call.
        """
        with self._database.write() as tx:
            row = self._unknown(tx, ref)
            lock_call_id(tx, call_id)
            _check_party(tx, row, call_id)
            other = tx.execute(sa.select(schema.call).where(schema.call.c.call_id == call_id)).first()
            if other is not None:
                named = other.ref if other.environment == self._environment else "a call of another environment"
                raise ResolutionError(f"{call_id} is the call_id of {named}: {ref} must be another call.")
            self._resolve(tx, row, actor, state=CallState.QUEUED, call_id=call_id)
            settle(tx, [call_id])

    def not_placed(self, ref: str, *, actor: str) -> None:
        """Settle an unknown call that was not placed: its key is free again, and a retry or a clear may dial.

        :param actor: who found out.
        :raises ResolutionError: if the call is not unknown, or may still be sent.
        """
        with self._database.write() as tx:
            row = self._unknown(tx, ref)
            refund(tx, [row.id])
            self._resolve(tx, row, actor, state=CallState.NOT_PLACED, key_active=False)

    def candidates(self, ref: str) -> Candidates:
        """Return why an unknown call is not settled; see ``recovery.candidates``."""
        with self._database.read() as tx:
            return candidates(tx, ref, self._environment)

    def _unknown(self, tx: sa.Connection, ref: str) -> Any:
        query = sa.select(schema.call).where(schema.call.c.ref == ref, schema.call.c.environment == self._environment)
        row = tx.execute(query).one_or_none()
        if row is None:
            raise ResolutionError(
                f"There is no call {ref}: `airflow voiceinfra calls list --state unknown` lists them."
            )
        lock_party(tx, CallParties.of(row))
        recover(tx, CallParties.of(row))
        row = tx.execute(query).one()
        if row.state == CallState.CLAIMED:
            raise ResolutionError(
                f"{ref} is being placed, or was a moment ago, and may still be sent: try again after "
                f"{row.claim_expires_at:%H:%M:%S} UTC."
            )
        if row.state != CallState.UNKNOWN:
            raise ResolutionError(f"{ref} is {row.state}, not unknown: there is nothing to resolve.")
        return row

    @staticmethod
    def _resolve(tx: sa.Connection, row: Any, actor: str, **values: Any) -> None:
        tx.execute(sa.update(schema.call).where(schema.call.c.id == row.id).values(**values))
        record_event(tx, row.id, "resolved", actor=actor, state=str(values["state"]))
        recover(tx, CallParties.of(row))


def _check_party(tx: sa.Connection, row: Any, call_id: str) -> None:
    columns = schema.completion.c
    query = sa.select(columns.to_number).where(
        columns.call_id == call_id, columns.webhook_conn_id == row.webhook_conn_id
    )
    called = tx.scalars(query).all()
    if called and all(compare_numbers(number, row.to_number) is NumberMatch.DIFFERENT for number in called):
        raise ResolutionError(f"{call_id} called another number than {row.ref}: it is another call.")
