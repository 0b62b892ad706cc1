"""Airflow's own auth manager, with a user who may read a DAG and not what its tasks have told."""

from __future__ import annotations

from typing import Any

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager


class WithoutXComs(SimpleAuthManager):
    """Lets ``ada`` read DAGs, but no XComs and nothing of ``canary_hidden``."""

    def is_authorized_dag(self, *, user: Any, access_entity: Any = None, details: Any = None, **asked: Any) -> bool:
        if user.get_name() == "ada":
            named = getattr(details, "id", None)
            if access_entity is DagAccessEntity.XCOM or named not in {None, "canary", "canary_events"}:
                return False
        return super().is_authorized_dag(user=user, access_entity=access_entity, details=details, **asked)

    def get_authorized_dag_ids(self, *, user: Any, **asked: Any) -> set[str]:
        found: set[str] = super().get_authorized_dag_ids(user=user, **asked)
        return found - {"canary_hidden"} if user.get_name() == "ada" else found
