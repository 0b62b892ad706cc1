"""The receiver by itself: no Airflow is imported, all it needs is in the environment.

``uvicorn --factory airflow_provider_voiceinfra.webhook.standalone:app`` or ``airflow voiceinfra receiver``.
"""

from __future__ import annotations

from starlette.types import ASGIApp

from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.webhook.app import Receiver, create_app
from airflow_provider_voiceinfra.webhook.environment import connection_secrets, settings
from airflow_provider_voiceinfra.webhook.secrets import WebhookSecrets
from airflow_provider_voiceinfra.webhook.writers import ProcessWriter


def app() -> ASGIApp:
    """Make the application; its paths begin with ``/voiceinfra``."""
    found = settings()
    store = CallStore(found.call_store, forward_to=found.forward_to)
    receiver = Receiver(
        store,
        WebhookSecrets(connection_secrets),
        conn_ids=found.webhook_conn_ids,
        max_bytes=found.max_webhook_bytes,
        spool=found.spool,
        writer=ProcessWriter(store, found.forward_to),
    )
    return create_app(receiver, path="/voiceinfra")
