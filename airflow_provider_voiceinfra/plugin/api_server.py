"""The receiver and the Calls page inside Airflow's API server."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from airflow.observability.stats import Stats
from airflow.sdk import BaseHook, conf
from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.routing import Mount

from airflow_provider_voiceinfra.config import call_store, receiver_settings
from airflow_provider_voiceinfra.connection_fields import webhook_secrets
from airflow_provider_voiceinfra.plugin.calls_page.app import create_calls_page
from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.store.errors import StoreError
from airflow_provider_voiceinfra.webhook.app import Receiver

log = logging.getLogger(__name__)


def create_api_server_app() -> FastAPI:
    """Make the application: the receiver, and the Calls page for signed-in users.

    The receiver reads its secrets from Airflow's connections and reports to Airflow's metrics.

    It is a FastAPI application, because Airflow runs the lifespan of no other kind that it mounts. The generated API
    docs are off: they would be public.
    """
    settings = receiver_settings()
    store = settings.open_store()
    receiver = Receiver.configured(settings, store, connection_secrets, metrics=AirflowMetrics())

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(_prepare, store)
        async with receiver.running():
            yield
        store.close()

    pages = Mount("/calls", app=create_calls_page(call_store()))
    routes = [*receiver.routes, pages]
    return FastAPI(routes=routes, lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)


class AirflowMetrics:
    """Reports the receiver's metrics to Airflow's."""

    def incr(self, name: str, count: int = 1) -> None:
        """Add to a counter."""
        Stats.incr(name, count)

    def gauge(self, name: str, value: float) -> None:
        """Set a gauge."""
        Stats.gauge(name, value)


def connection_secrets(conn_id: str) -> list[str]:
    """Read a webhook's secrets from its connection, the current one first."""
    return webhook_secrets(BaseHook.get_connection(conn_id).extra, conn_id=conn_id)


def _prepare(store: CallStore) -> None:
    """Create the store where Airflow's own database is SQLite, as on a laptop; elsewhere `store migrate` does."""
    try:
        if store.database.is_sqlite and conf.get("database", "sql_alchemy_conn").startswith("sqlite"):
            store.migrate()
        store.check()
    except StoreError as error:
        # Airflow must start anyway: the spool keeps webhooks until the store is available.
        log.error("%s", error)
