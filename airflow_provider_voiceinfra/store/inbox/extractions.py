"""The data that agents extract from answered calls: as completions contain it, and what it decides, in columns."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.completion_body import stored_completion
from airflow_provider_voiceinfra.store.engine import Database
from airflow_provider_voiceinfra.store.models import Extraction, Goal

_call, _completion = schema.call.c, schema.completion.c


class Extractions:
    """Reads extracted data, and records what it decides: once, so that no later try decides otherwise.

    :param extracted_field: see :func:`~airflow_provider_voiceinfra.store.completion_body.parse_completion`.
    """

    def __init__(self, database: Database, extracted_field: str) -> None:
        self._database = database
        self._extracted_field = extracted_field

    def extracted(self, refs: Collection[str]) -> dict[str, Mapping[str, Any]]:
        """Return the data that the agent extracted in each of some calls; nothing for a body that was purged."""
        query = sa.select(_call.ref, _call.call_id, _call.outcome, _completion.body)
        query = query.join_from(schema.call, schema.completion, _call.completion_id == _completion.id)
        with self._database.read() as tx:
            rows = tx.execute(query.where(_call.ref.in_(refs))).all()
        return {
            row.ref: stored_completion(
                row.body, row.call_id, row.outcome, extracted_field=self._extracted_field
            ).extracted
            for row in rows
        }

    def record(self, extractions: Mapping[str, Extraction]) -> None:
        """Record what decides, by the ref of the call."""
        if not extractions:
            return
        update = sa.update(schema.call).where(_call.ref == sa.bindparam("its_ref"))
        update = update.values(
            goal=sa.bindparam("its_goal"),
            callback_at=sa.bindparam("its_callback"),
            callback_ignored=sa.bindparam("is_ignored"),
        )
        rows = [
            {
                "its_ref": ref,
                "its_goal": each.goal,
                "its_callback": each.callback_at,
                "is_ignored": each.is_callback_ignored,
            }
            for ref, each in sorted(extractions.items())
        ]
        with self._database.write() as tx:
            tx.execute(update, rows)

    def count(self, list_id: str) -> dict[str, int]:
        """Count the calls of a list whose goal could not be read, and the requested times that are not used."""
        query = sa.select(
            sa.func.count().filter(_call.goal == Goal.UNREADABLE), sa.func.count().filter(_call.callback_ignored)
        )
        with self._database.read() as tx:
            unreadable, ignored = tx.execute(query.where(_call.list_id == list_id)).one()
        return {"goal_unreadable": unreadable, "callback_ignored": ignored}
