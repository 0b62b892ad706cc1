"""Moves calls to another API host."""

from __future__ import annotations

import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.engine import Database
from airflow_provider_voiceinfra.store.history import record_events
from airflow_provider_voiceinfra.store.models import Realm

_BATCH_SIZE = 500
_call = schema.call.c


class Hosts:
    """Moves calls to another host, after VoiceInfra has moved.

    :param environment: calls of other environments are not moved.
    """

    def __init__(self, database: Database, environment: str) -> None:
        self._database = database
        self._environment = environment

    def rename(self, old: str, new: str, *, realm: Realm, actor: str) -> int:
        """Move the keys of all calls at a host to another host. May be stopped and run again.

        :param realm: the realm of both hosts.
        :param actor: the person who renames it; kept in the history of each call.
        :return: the number of calls that were moved.
        """
        at_old = (_call.environment == self._environment, _call.realm == realm, _call.host == old)
        query = sa.select(_call.id).where(*at_old).order_by(_call.id).limit(_BATCH_SIZE).with_for_update()
        moved = last = 0
        while True:
            # A few at a time, so that a claim does not wait for all of them.
            with self._database.write() as tx:
                ids = tx.scalars(query.where(_call.id > last)).all()
                if not ids:
                    return moved
                tx.execute(sa.update(schema.call).where(_call.id.in_(ids)).values(host=new))
                renamed = {"old": old, "new": new}
                record_events(tx, "host_renamed", dict.fromkeys(ids, renamed), actor=actor)
                moved, last = moved + len(ids), ids[-1]
