"""The receiver by itself: it imports no Airflow, and all its settings come from the environment.

``uvicorn --factory airflow_provider_voiceinfra.webhook.standalone:app`` or ``airflow voiceinfra receiver``.
"""

from __future__ import annotations

from starlette.types import ASGIApp

from airflow_provider_voiceinfra.webhook.app import Receiver, create_app
from airflow_provider_voiceinfra.webhook.settings import connection_secrets, settings


def app() -> ASGIApp:
    """Make the application; its paths begin with ``/voiceinfra``."""
    found = settings()
    receiver = Receiver.configured(found, found.open_store(), connection_secrets)
    return create_app(receiver, path="/voiceinfra")
