"""The receiver inside Airflow's API server."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from airflow.sdk import BaseHook, conf
from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool

from airflow_provider_voiceinfra.config import call_store, max_webhook_bytes, webhook_conn_ids
from airflow_provider_voiceinfra.store.errors import StoreError
from airflow_provider_voiceinfra.webhook.app import create_app
from airflow_provider_voiceinfra.webhook.receiver import Receiver
from airflow_provider_voiceinfra.webhook.secrets import WebhookSecrets

log = logging.getLogger(__name__)


def create_api_server_app() -> FastAPI:
    """Make the receiver, with its secrets from Airflow's connections.

    Airflow runs the lifespan of what it mounts only where that is a FastAPI application. Its generated pages are
    left out: nobody would have to sign in to see them.
    """
    receiver = Receiver(call_store(), WebhookSecrets(connection_secrets))
    app = create_app(receiver, conn_ids=webhook_conn_ids(), max_bytes=max_webhook_bytes())
    return FastAPI(routes=app.routes, lifespan=_lifespan, docs_url=None, redoc_url=None, openapi_url=None)


def connection_secrets(conn_id: str) -> list[str]:
    """Read a webhook's secrets from its connection, the present one first."""
    extra = BaseHook.get_connection(conn_id).extra_dejson
    return [extra.get("webhook_secret") or "", extra.get("webhook_secret_previous") or ""]


@asynccontextmanager
async def _lifespan(_: FastAPI) -> AsyncIterator[None]:
    await run_in_threadpool(_prepare_store)
    yield
    call_store().close()


def _prepare_store() -> None:
    """Create the store on a laptop, where Airflow's own database is SQLite; elsewhere a person does it, once."""
    store = call_store()
    try:
        if store.database.is_sqlite and conf.get("database", "sql_alchemy_conn").startswith("sqlite"):
            store.migrate()
        store.check()
    except StoreError as error:
        # Airflow must start all the same: webhooks are answered 503 and sent again.
        log.error("%s", error)
