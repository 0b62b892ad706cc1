"""The Calls page over a real store, for users whose rights a test names."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from urllib.parse import urlencode

import pytest
from airflow.api_fastapi import app as airflow_app
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from fastapi import FastAPI
from starlette.testclient import TestClient

from airflow_provider_voiceinfra.plugin.calls_page.app import create_calls_page
from tests.unit.store.samples import NUMBER, SECRET, claim, deliver, queued

BASE = "/voiceinfra/calls"
HOST = "airflow.example.com"
OURS = {"HX-Request": "true", "Sec-Fetch-Site": "same-origin"}


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


@pytest.fixture
def auth_manager(monkeypatch) -> PerDag:
    """The auth manager of this process."""
    monkeypatch.setenv("AIRFLOW__API_AUTH__JWT_SECRET", "x" * 64)
    manager = PerDag()
    manager.rights = {"admin": rights("*", "*", "*")}
    monkeypatch.setattr(airflow_app._AuthManagerState, "instance", manager)
    return manager


@pytest.fixture
def app(store, auth_manager) -> FastAPI:
    """The page, mounted as Airflow does."""
    app = FastAPI(docs_url=None, openapi_url=None)
    app.mount(BASE, create_calls_page(store))
    return app


@pytest.fixture
def visit(app, auth_manager, airflow_database) -> Callable[..., TestClient]:
    """Sign somebody in: ``visit("ada", rights(read="one"))``; without a name, nobody is."""

    def as_user(name: str | None = "admin", may: Rights | None = None) -> TestClient:
        client = TestClient(app, base_url=f"https://{HOST}", follow_redirects=False)
        if may is not None:
            auth_manager.rights[name] = may
        if name:
            token = auth_manager.generate_jwt(SimpleAuthManagerUser(username=name, role="viewer"))
            client.cookies.set("_token", token)
        return client

    return as_user


@pytest.fixture
def kind() -> str:
    """What the page shows does not depend on the database; its reads are tested with the store."""
    return "sqlite"


def get(client: TestClient, path: str = "/", **query: str):
    """Read a page."""
    return client.get(f"{BASE}{path}" + (f"?{urlencode(query)}" if query else ""))


def find(client: TestClient, **form: str) -> str:
    """Give the address to which the form leads."""
    answer = act(client, "/find", **form)
    assert answer.status_code == 204, answer.text
    return json.loads(answer.headers["HX-Location"])["path"]


def act(client: TestClient, path: str, headers=None, **form: str):
    """Do something, as the page does."""
    return client.post(f"{BASE}{path}", data=form, headers=OURS if headers is None else headers)


def toast(answer) -> str:
    """What the page says of an act that was done."""
    assert answer.status_code == 204, answer.text
    return json.loads(answer.headers["HX-Trigger"])["voiceinfra-toast"]


__all__ = ["NUMBER", "SECRET", "claim", "deliver", "queued"]
