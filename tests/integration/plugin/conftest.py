"""The Calls page over a real store, for users whose rights a test names."""

from __future__ import annotations

import json
from collections.abc import Callable
from urllib.parse import urlencode

import pytest
from airflow.api_fastapi import app as airflow_app
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from fastapi import FastAPI
from starlette.testclient import TestClient

from airflow_provider_voiceinfra.plugin.calls_page.app import create_calls_page
from tests.support.rights import PerDag, Rights, rights
from tests.support.store_samples import NUMBER, SECRET, claim, deliver, queued

BASE = "/voiceinfra/calls"
HOST = "airflow.example.com"
OURS = {"HX-Request": "true", "Sec-Fetch-Site": "same-origin"}


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
    """Return the address to which the form leads."""
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
