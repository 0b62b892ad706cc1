"""Who visits the Calls page, and what Airflow's auth manager lets them see and do."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.base_auth_manager import ResourceMethod
from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails

# FastAPI resolves annotations in their module: a name it cannot find there would become a query parameter.
from airflow.api_fastapi.core_api.security import GetUserDep
from airflow.configuration import conf
from fastapi import Depends, HTTPException

from airflow_provider_voiceinfra.compat import read_dag_ids, read_team_name

ANY_DAG = "~"
"""Not a valid DAG id. Who may read it may read all DAGs; asked without an id, some auth managers allow any."""


class Permissions:
    """What a signed-in user may do. Answers of the auth manager are cached for one request.

    Calls without a DAG, or whose DAG no longer exists, are for users who may read, or edit, all DAGs.
    """

    def __init__(self, user: BaseUser) -> None:
        self._user = user
        self._content: dict[str | None, bool] = {}

    @property
    def user_name(self) -> str:
        """The user's name, which the history records."""
        return self._user.get_name()

    @cached_property
    def visible_dag_ids(self) -> frozenset[str] | None:
        """The DAGs whose calls they may see; None for all."""
        return None if self._may_all("GET", self._readable) else self._readable

    @cached_property
    def may_edit_all(self) -> bool:
        """Whether they may edit all DAGs, which actions on all calls require."""
        return self._may_all("PUT", frozenset(self._authorized("PUT")))

    def may_read(self, dag_id: str | None) -> bool:
        """Return whether they may see that a DAG's calls took place."""
        return self.visible_dag_ids is None or dag_id in self.visible_dag_ids

    def may_read_content(self, dag_id: str | None) -> bool:
        """Return whether they may see numbers and content of a DAG's calls, as those may who may read its XComs."""
        if dag_id not in self._content:
            self._content[dag_id] = self.may_read(dag_id) and self._may("GET", dag_id, DagAccessEntity.XCOM)
        return self._content[dag_id]

    def may_edit(self, dag_id: str | None) -> bool:
        """Return whether they may act on a DAG's calls, as those may who may edit the DAG."""
        if dag_id is None:
            return self.may_edit_all
        return self.may_read(dag_id) and self._may("PUT", dag_id)

    def require_read(self, dag_id: str | None) -> None:
        """Answer as if the call did not exist, where they may not see it.

        :raises HTTPException: 404.
        """
        if not self.may_read(dag_id):
            raise HTTPException(404, "This call does not exist, or you do not have permission to see it.")

    def require_edit(self, dag_id: str | None) -> None:
        """Reject an action that they have no permission for.

        :raises HTTPException: 403.
        """
        if not self.may_edit(dag_id):
            raise HTTPException(403, "You need permission to edit the DAG to do this.")

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
        # DAGs without a team may be open to everybody, which is not permission for all DAGs.
        return self._may(method, None) and (not _has_teams() or read_dag_ids() <= authorized)


def _has_teams() -> bool:
    return bool(conf.getboolean("core", "multi_team", fallback=False))


async def get_permissions(user: GetUserDep) -> Permissions:
    """Return the permissions of the user; without a session, Airflow answers 401."""
    return Permissions(user)


PermissionsDep = Annotated[Permissions, Depends(get_permissions)]
