"""The Airflow plugin: mounts the receiver in the API server."""

from __future__ import annotations

from typing import Any

from airflow.plugins_manager import AirflowPlugin


class VoiceInfraPlugin(AirflowPlugin):
    """Mounts the receiver at ``/voiceinfra``.

    This module is loaded in every component of Airflow, the application is made in the API server only.
    """

    name = "voiceinfra"

    @property
    def fastapi_apps(self) -> list[dict[str, Any]]:  # type: ignore[override]
        """The applications that the API server mounts."""
        from airflow_provider_voiceinfra.plugin.api_server import create_api_server_app

        return [{"name": "VoiceInfra", "url_prefix": "/voiceinfra", "app": create_api_server_app()}]
