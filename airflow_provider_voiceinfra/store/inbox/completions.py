"""Reads completions: which calls they complete, and when they arrived."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.engine import Database
from airflow_provider_voiceinfra.store.reads.disputes import is_disputed
from airflow_provider_voiceinfra.store.reads.matching import undecided

_IDS_PER_QUERY = 500
_call, _completion = schema.call.c, schema.completion.c


class Completions:
    """Reads completions.

    :param environment: completions of calls of other environments are not visible.
    """

    def __init__(self, database: Database, environment: str) -> None:
        self._database = database
        self._environment = environment

    def outcomes(self, call_ids: Collection[str]) -> dict[str, str]:
        """Return the outcomes of the calls that are completed.

        :param call_ids: calls placed here, which only their own connection's webhook completes, or foreign calls.
        :return: the outcome of each completed call, by ``call_id``.
        """
        ids, found, query = list(call_ids), {}, _ending(self._environment)
        with self._database.read() as tx:
            for start in range(0, len(ids), _IDS_PER_QUERY):
                chunk = ids[start : start + _IDS_PER_QUERY]
                rows = tx.execute(query.where(_completion.call_id.in_(chunk))).all()
                foreign = [row.id for row in rows if not row.ours]
                hidden = undecided(tx, foreign, besides=self._environment)
                found.update({row.call_id: row.outcome for row in rows if row.id not in hidden})
        return found

    def newest_arrival(self) -> datetime | None:
        """Return when the last completion arrived, of any environment."""
        return self._database.scalar(sa.select(sa.func.max(schema.completion.c.received_at)))

    def newest(self) -> int:
        """Return the id of the last completion that arrived, or 0."""
        return self._database.scalar(sa.select(sa.func.max(schema.completion.c.id))) or 0

    def arrived_since(self, cursor: int) -> list[tuple[int, str]]:
        """List the completions that arrived after another one, in the order of arrival.

        :param cursor: the id of a completion, or 0.
        :return: id and ``call_id`` of each.
        """
        query = (
            sa.select(schema.completion.c.id, schema.completion.c.call_id)
            .where(schema.completion.c.id > cursor)
            .order_by(schema.completion.c.id)
        )
        return [(row.id, row.call_id) for row in self._database.rows(query)]


def _ending(environment: str) -> sa.Select[tuple[int, str, str, bool]]:
    """Select the completions that have completed a call placed here, and those of foreign calls."""
    same = _call.call_id == _completion.call_id
    ours = sa.exists().where(same, _call.completion_id == _completion.id, _call.environment == environment)
    foreign = sa.and_(~sa.exists().where(same), ~is_disputed())
    columns = (_completion.id, _completion.call_id, _completion.outcome, ours.label("ours"))
    return sa.select(*columns).where(_completion.first, sa.or_(ours, foreign))
