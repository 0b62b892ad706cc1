"""Metadata of this provider for Airflow: its classes, connection form, settings and commands."""

from __future__ import annotations

from typing import Any

_INTEGRATION = "VoiceInfra"


def get_provider_info() -> dict[str, Any]:
    """Describe this package to Airflow; see Airflow's ``provider_info.schema.json``."""
    return {
        "package-name": "airflow-provider-voiceinfra",
        "name": _INTEGRATION,
        "description": "AI phone calls by `VoiceInfra <https://voiceinfra.ai/>`__, placed at most once.",
        "integrations": [
            {
                "integration-name": _INTEGRATION,
                "external-doc-url": "https://voiceinfra.ai/",
                "tags": ["service"],
            }
        ],
        "hooks": [_modules("hooks.voiceinfra")],
        "operators": [_modules("operators.call_list", "operators.outbound_call")],
        "sensors": [_modules("sensors.call_completion")],
        "task-decorators": [
            {
                "name": "outbound_call",
                "class-name": "airflow_provider_voiceinfra.decorators.outbound_call.outbound_call_task",
            }
        ],
        "notifications": ["airflow_provider_voiceinfra.notifications.voiceinfra.VoiceInfraNotifier"],
        "triggers": [
            _modules(
                "triggers.call_allowed",
                "triggers.call_completed_event",
                "triggers.call_completion",
                "triggers.call_list",
                "triggers.call_settled",
            )
        ],
        "asset-uris": [
            {
                "schemes": ["voiceinfra"],
                "handler": "airflow_provider_voiceinfra.assets.voiceinfra.sanitize_uri",
                "to_openlineage_converter": (
                    "airflow_provider_voiceinfra.assets.voiceinfra.convert_asset_to_openlineage"
                ),
            }
        ],
        "transfers": [
            {
                "source-integration-name": _INTEGRATION,
                "target-integration-name": "Common SQL",
                "python-module": "airflow_provider_voiceinfra.transfers.calls_to_sql",
            },
            {
                "source-integration-name": _INTEGRATION,
                "target-integration-name": "Object Storage",
                "python-module": "airflow_provider_voiceinfra.transfers.recordings_to_object_storage",
            },
        ],
        "connection-types": [_CONNECTION_TYPE],
        "cli": ["airflow_provider_voiceinfra.cli.parser.get_voiceinfra_cli_commands"],
        "config": {"voiceinfra": {"description": "AI phone calls by VoiceInfra.", "options": _OPTIONS}},
    }


def _modules(*names: str) -> dict[str, Any]:
    modules = [f"airflow_provider_voiceinfra.{name}" for name in names]
    return {"integration-name": _INTEGRATION, "python-modules": modules}


def _field(label: str, description: str, *, secret: bool = False) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": ["string", "null"]}
    if secret:
        schema["format"] = "password"
    return {"label": label, "description": description, "schema": schema}


_CONNECTION_TYPE = {
    "connection-type": "voiceinfra",
    "hook-class-name": "airflow_provider_voiceinfra.hooks.voiceinfra.VoiceInfraHook",
    "hook-name": _INTEGRATION,
    "ui-field-behaviour": {
        "hidden-fields": ["schema", "login", "port"],
        "relabeling": {"host": "Base URL", "password": "API key"},
        "placeholders": {"host": "https://api.voiceinfra.ai/v1"},
    },
    "conn-fields": {
        "webhook_secret": _field(
            "Webhook secret", "The secret set at VoiceInfra under Settings → Webhooks.", secret=True
        ),
        "webhook_secret_previous": _field(
            "Previous webhook secret", "Also accepted, while the secret is being changed.", secret=True
        ),
        "webhook_conn_id": _field(
            "Webhook connection",
            "The connection whose webhook receives this account's completions. Default: this one.",
        ),
        "agent_id": _field("Agent", "Default agent of calls; its id is in the agent's API tab."),
        "from_number": _field(
            "From number",
            "Default caller ID of calls: one of the account's numbers, or several, separated by commas, of which a "
            "near one is chosen for each callee.",
        ),
        "default_region": _field("Default region", "Country of numbers without a country code, such as US."),
        "allowed_numbers": _field(
            "Allowed numbers",
            "If set, the only numbers that are called, separated by commas. Recommended outside production.",
        ),
        "calling_hours": _field(
            "Calling hours",
            "Outer limits in the callee's local time, such as mon-fri 09:00-19:00 America/New_York; the zone is used "
            "for numbers that do not show theirs, such as toll-free ones.",
        ),
        "max_calls_per_day": _field(
            "Calls per day", "Maximum per calendar day, in the time zone of the calling hours."
        ),
        "max_minutes_per_day": _field(
            "Minutes per day",
            "Maximum that calls talk per calendar day, in the time zone of the calling hours; calls in progress are "
            "estimated.",
        ),
        "max_in_flight": _field(
            "Calls at a time", "Maximum in progress; a call whose completion is overdue does not count."
        ),
        "calls_per_second": _field("Calls per second", "Maximum, such as 5 or 0.2."),
        "max_calls_per_number": _field(
            "Calls per number",
            "Maximum per number in rolling windows, such as 1/24h, 3/7d, 10/30d; redials count.",
        ),
    },
}


def _option(description: str, default: str | None, *, kind: str = "string", **more: Any) -> dict[str, Any]:
    return {
        "description": description,
        "version_added": "0.1.0",
        "type": kind,
        "example": None,
        "default": default,
    } | more


_OPTIONS = {
    "call_store": _option(
        "SQLAlchemy URL of the call store, which records every call: SQLite for one host, PostgreSQL for "
        "more. Create it with `airflow voiceinfra store migrate`.",
        "sqlite:///{AIRFLOW_HOME}/voiceinfra.db",
        example="postgresql+psycopg://voiceinfra:password@db.example.com/voiceinfra",
        sensitive=True,
    ),
    "deferral_settle_time": _option(
        "Seconds that a deferred task waits at least before a worker resumes it. Airflow fails a task that is queued "
        "again before the scheduler has noted that its worker ended (apache/airflow #72716), which may take [workers] "
        "min_heartbeat_interval (5 s) and longer where the scheduler is busy. A task that ends without a worker does "
        "not wait.",
        "10",
        kind="float",
    ),
    "environment": _option(
        "Lets several Airflow deployments share a call store: the same idempotency key in two environments means two "
        "calls.",
        "default",
        example="staging",
    ),
    "webhook_conn_ids": _option(
        "The connections, separated by commas, that receive webhooks at /voiceinfra/webhook/{conn_id}.",
        "voiceinfra_default",
    ),
    "max_webhook_bytes": _option("Webhooks with a larger body are rejected with 413.", "5242880", kind="integer"),
    "spool": _option(
        "Folder where the receiver keeps verified webhooks while the call store cannot be reached, on a disk that "
        "outlives the process. If empty, such webhooks are answered with 503, so that VoiceInfra sends them again.",
        "{AIRFLOW_HOME}/voiceinfra-spool",
    ),
    "forward_to": _option(
        "URLs, separated by commas, of other environments' receivers: an account has one webhook URL. Each verified "
        "webhook is forwarded to them unchanged, until they accept it. {conn_id} stands for the connection's id.",
        "",
        example="https://airflow-staging.example.com/voiceinfra/webhook",
        # A URL may contain a password.
        sensitive=True,
    ),
    "retention_days": _option(
        "`airflow voiceinfra store purge` removes the content and numbers of older calls; 0 keeps them forever.",
        "0",
        kind="integer",
        example="90",
    ),
    "opt_out_field": _option(
        "The extracted field that says that the callee asked not to be called again: unless it is missing, empty, "
        "false, 0, no or n, the number is put on the do-not-call list.",
        "",
        example="do_not_call",
    ),
    "hash_do_not_call": _option(
        "Keep only hashes of the numbers on the do-not-call list, which then cannot be exported.",
        "False",
        kind="boolean",
    ),
    "extracted_field": _option(
        "The webhook's field that contains the data extracted by the agent. Default: the only object in the body.",
        "",
        example="extracted_data",
    ),
}
