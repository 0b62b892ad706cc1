"""Users whose rights differ from DAG to DAG."""

from __future__ import annotations

import dataclasses

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager


@dataclasses.dataclass(frozen=True)
class Rights:
    """What a user may do, DAG by DAG; ``*`` for all DAGs, also those that are not there."""

    read: frozenset[str] = frozenset()
    content: frozenset[str] = frozenset()
    edit: frozenset[str] = frozenset()


def rights(read: str = "", content: str = "", edit: str = "") -> Rights:
    """Name the DAGs, with blanks between them."""
    return Rights(*(frozenset(each.split()) for each in (read, content, edit)))


class PerDag(SimpleAuthManager):
    """Airflow's own auth manager, with rights for each DAG, as larger ones have them.

    Like some of those, it answers a question without a DAG with yes where there is any DAG.
    """

    rights: dict[str, Rights]

    def is_authorized_dag(self, *, method, user, access_entity=None, details=None):
        of_user = self.rights.get(user.get_name(), Rights())
        if method != "GET":
            allowed = of_user.edit
        else:
            allowed = of_user.content if access_entity is DagAccessEntity.XCOM else of_user.read
        if details is None or details.id is None:
            return bool(allowed)
        return "*" in allowed or details.id in allowed

    def get_authorized_dag_ids(self, *, user, method="GET", session=None):
        of_user = self.rights.get(user.get_name(), Rights())
        return {each for each in (of_user.read if method == "GET" else of_user.edit) if each != "*"}
