"""The receiver by itself: no Airflow is imported, all it needs is in the environment.

``uvicorn --factory airflow_provider_voiceinfra.webhook.standalone:app`` or ``airflow voiceinfra receiver``.
"""

from __future__ import annotations

from starlette.types import ASGIApp

from airflow_provider_voiceinfra.webhook.app import Receiver, create_app
from airflow_provider_voiceinfra.webhook.environment import connection_secrets, settings
from airflow_provider_voiceinfra.webhook.writers import ProcessWriter


def app() -> ASGIApp:
    """Make the application; its paths begin with ``/voiceinfra``."""
    found = settings()
    store = found.open_store()
    receiver = Receiver.configured(found, store, connection_secrets, writer=ProcessWriter(store, found.store_options))
    return create_app(receiver, path="/voiceinfra")
