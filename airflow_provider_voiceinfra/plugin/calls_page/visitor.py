"""Who looks at the Calls page, and what Airflow's auth manager lets them see and do."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.base_auth_manager import ResourceMethod
from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails

# FastAPI looks annotations up in their module: what is imported elsewhere, anybody could send as a query parameter.
from airflow.api_fastapi.core_api.security import GetUserDep
from airflow.configuration import conf
from fastapi import Depends, HTTPException

from airflow_provider_voiceinfra.compat import read_dag_ids, read_team_name

ANY_DAG = "~"
"""No DAG is called so. Who may read it may read all: without a name, some auth managers ask whether there is one."""


class Visitor:
    """A user who is signed in. What the auth manager has said is remembered for one request.

    Calls that no DAG has placed, or one that is gone, are for those who may read, or edit, all DAGs.
    """

    def __init__(self, user: BaseUser) -> None:
        self._user = user
        self._heard: dict[str | None, bool] = {}

    @property
    def name(self) -> str:
        """The user's name, for the record."""
        return self._user.get_name()

    @cached_property
    def dag_ids(self) -> frozenset[str] | None:
        """The DAGs whose calls they may see; None for all."""
        return None if self._may_all("GET", self._readable) else self._readable

    @cached_property
    def acts_on_all(self) -> bool:
        """Whether they may do what concerns all calls, because they may edit all DAGs."""
        return self._may_all("PUT", frozenset(self._authorized("PUT")))

    def may_read(self, dag_id: str | None) -> bool:
        """Tell whether they may see that a DAG's calls took place."""
        return self.dag_ids is None or dag_id in self.dag_ids

    def may_hear(self, dag_id: str | None) -> bool:
        """Tell whether they may see numbers and words of a DAG's calls: those who may read XComs of its tasks may."""
        if dag_id not in self._heard:
            self._heard[dag_id] = self.may_read(dag_id) and self._may("GET", dag_id, DagAccessEntity.XCOM)
        return self._heard[dag_id]

    def may_act(self, dag_id: str | None) -> bool:
        """Tell whether they may act on a DAG's calls: those who may edit it may."""
        if dag_id is None:
            return self.acts_on_all
        return self.may_read(dag_id) and self._may("PUT", dag_id)

    def must_read(self, dag_id: str | None) -> None:
        """Answer as if it were not there, where they may not see it."""
        if not self.may_read(dag_id):
            raise HTTPException(404, "There is no such call, or you may not see it.")

    def must_act(self, dag_id: str | None) -> None:
        """Refuse what they may not do."""
        if not self.may_act(dag_id):
            raise HTTPException(403, "You may not do this: it takes the right to edit the DAG.")

    @cached_property
    def _readable(self) -> frozenset[str]:
        return frozenset(self._authorized("GET"))

    def _authorized(self, method: ResourceMethod) -> set[str]:
        dag_ids: set[str] = get_auth_manager().get_authorized_dag_ids(user=self._user, method=method)
        return dag_ids

    def _may(self, method: ResourceMethod, dag_id: str | None, entity: DagAccessEntity | None = None) -> bool:
        team_name = read_team_name(dag_id) if dag_id and _has_teams() else None
        details = DagDetails(id=dag_id or ANY_DAG, team_name=team_name)
        allowed: bool = get_auth_manager().is_authorized_dag(
            method=method, access_entity=entity, details=details, user=self._user
        )
        return allowed

    def _may_all(self, method: ResourceMethod, authorized: frozenset[str]) -> bool:
        # Of what belongs to no team, everybody may be let in: that is not all.
        return self._may(method, None) and (not _has_teams() or read_dag_ids() <= authorized)


def _has_teams() -> bool:
    return bool(conf.getboolean("core", "multi_team", fallback=False))


async def get_visitor(user: GetUserDep) -> Visitor:
    """Find out who it is; nobody gets further without a session."""
    return Visitor(user)


VisitorDep = Annotated[Visitor, Depends(get_visitor)]
