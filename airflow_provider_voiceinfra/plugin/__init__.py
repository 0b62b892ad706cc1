"""The Airflow plugin: mounts the receiver and the Calls page in the API server, and links to the page."""

from __future__ import annotations

from typing import Any

from airflow.plugins_manager import AirflowPlugin


class VoiceInfraPlugin(AirflowPlugin):
    """Mounts the receiver at ``/voiceinfra`` and the Calls page at ``/voiceinfra/calls``.

    Every component of Airflow loads this module; only the API server makes the application.
    """

    name = "voiceinfra"

    @property
    def fastapi_apps(self) -> list[dict[str, Any]]:  # type: ignore[override]
        """The applications that the API server mounts."""
        from airflow_provider_voiceinfra.plugin.api_server import create_api_server_app

        return [{"name": "VoiceInfra", "url_prefix": "/voiceinfra", "app": create_api_server_app()}]

    @property
    def external_views(self) -> list[dict[str, Any]]:  # type: ignore[override]
        """The entry "Calls" in Airflow's navigation."""
        from airflow_provider_voiceinfra.paths import calls_path

        icon = f"{calls_path()}/static/phone"
        return [
            {
                "name": "Calls",
                "href": f"{calls_path()}/",
                "destination": "nav",
                "url_route": "calls",
                "nav_top_level": True,
                "icon": f"{icon}.svg",
                "icon_dark_mode": f"{icon}-dark.svg",
            }
        ]

    @property
    def operator_extra_links(self) -> list[Any]:  # type: ignore[override]
        """The links from a task instance to its call or its list.

        Only a plugin can have links that the API server makes when it shows a task: those of an operator are XComs,
        which Airflow writes when a task ends.
        """
        from airflow_provider_voiceinfra.plugin.links import CallLink, CallListLink

        return [CallLink(), CallListLink()]
