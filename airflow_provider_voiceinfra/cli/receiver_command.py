"""``airflow voiceinfra receiver``: the receiver on its own, without Airflow."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from airflow_provider_voiceinfra.webhook.settings import SettingError, connection_secrets, settings

_APP = "airflow_provider_voiceinfra.webhook.standalone:app"
_LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"level": "WARNING", "handlers": ["stderr"]},
    "loggers": {"uvicorn.error": {"level": "INFO"}},
}
# Seconds to finish accepted requests when the receiver is stopped.
_GRACE = 30


def run(arguments: argparse.Namespace) -> int:
    """Serve until stopped."""
    import uvicorn

    try:
        found = settings()
        missing = [conn_id for conn_id in sorted(found.webhook_conn_ids) if not any(connection_secrets(conn_id))]
    except (SettingError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    for conn_id in missing:
        sys.stderr.write(
            f"Webhooks to {conn_id!r} are answered 503 until AIRFLOW_CONN_{conn_id.upper()} has a webhook_secret.\n"
        )
    uvicorn.run(
        _APP,
        factory=True,
        host=arguments.host,
        port=arguments.port,
        workers=arguments.workers,
        log_config=_LOGGING,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_GRACE,
        # Longer than nginx keeps an idle connection: otherwise it may send a webhook on one that we are closing.
        timeout_keep_alive=75,
    )
    return 0
