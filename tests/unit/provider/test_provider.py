"""What Airflow finds of this package."""

from __future__ import annotations

import json
import re
from importlib import import_module
from pathlib import Path

import airflow
import jsonschema
import pytest

from airflow_provider_voiceinfra.config import call_store
from airflow_provider_voiceinfra.get_provider_info import get_provider_info
from airflow_provider_voiceinfra.plugin import VoiceInfraPlugin
from airflow_provider_voiceinfra.plugin.calls_page.rendering import STATIC
from tools import vendor as vendoring

INFO = get_provider_info()
AIRFLOW = Path(airflow.__file__).parent


def test_the_provider_info_passes_airflows_schemas():
    jsonschema.validate(INFO, json.loads((AIRFLOW / "provider_info.schema.json").read_text()))
    schema = json.loads((AIRFLOW / "provider.yaml.schema.json").read_text())
    jsonschema.validate(INFO["connection-types"], schema["properties"]["connection-types"])


def test_every_module_and_class_it_names_exists():
    for kind in ("hooks", "operators", "sensors", "triggers"):
        for entry in INFO[kind]:
            for module in entry["python-modules"]:
                import_module(module)
    for entry in INFO["transfers"]:
        import_module(entry["python-module"])
    for name in (*INFO["cli"], *(each["hook-class-name"] for each in INFO["connection-types"])):
        module, _, attribute = name.rpartition(".")
        assert callable(getattr(import_module(module), attribute))


def test_airflow_lists_provider_hook_and_plugin():
    from airflow.plugins_manager import get_fastapi_plugins
    from airflow.providers_manager import ProvidersManager
    from airflow.sdk.providers_manager_runtime import ProvidersManagerTaskRuntime

    assert "airflow-provider-voiceinfra" in ProvidersManager().providers
    assert ProvidersManagerTaskRuntime().hooks["voiceinfra"].hook_name == "VoiceInfra"
    assert "/voiceinfra" in {app["url_prefix"] for app in get_fastapi_plugins()[0]}


@pytest.mark.parametrize(
    ("base_url", "path"), [("http://localhost:8080", ""), ("https://example.com/air/flow/", "/air/flow")]
)
def test_airflows_navigation_leads_to_the_calls_page(monkeypatch, base_url, path):
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", base_url)
    [view] = VoiceInfraPlugin().external_views
    assert (view["name"], view["href"], view["destination"]) == ("Calls", f"{path}/voiceinfra/calls/", "nav")


def test_what_the_calls_page_loads_is_in_the_package_with_its_licence():
    assert vendoring.PAGE == STATIC / "vendor"
    for folder in (vendoring.PAGE, vendoring.TESTS):
        scripts = {path.name.removesuffix(".min.js") for path in folder.glob("*.js")}
        packages = [package for package in vendoring.PACKAGES if package.folder == folder]
        assert scripts == {f"{package.name.split('.')[0]}-{package.version}" for package in packages}
        assert all((folder / f"{name}.LICENSE.txt").read_text() for name in scripts)
    for file in (*STATIC.glob("*.*"), *(STATIC.parent / "templates").glob("*.html")):
        assert not re.search(
            r"(?:https?:)?//(?!www\.w3\.org/2000/svg)[a-z]", re.sub(r"(?m)^\s*//.*$", "", file.read_text())
        ), file


def test_the_connection_form_has_our_fields_and_hides_secrets():
    from airflow.api_fastapi.core_api.services.ui.connections import HookMetaService

    [form] = [hook for hook in HookMetaService.hook_meta_data() if hook.connection_type == "voiceinfra"]
    fields = form.extra_fields
    assert fields.keys() == {
        "webhook_secret",
        "webhook_secret_previous",
        "webhook_conn_id",
        "agent_id",
        "from_number",
        "default_region",
        "allowed_numbers",
        "calling_hours",
        "max_calls_per_day",
        "max_minutes_per_day",
        "max_in_flight",
        "calls_per_second",
        "max_calls_per_number",
    }
    assert {name for name, field in fields.items() if field["schema"].get("format") == "password"} == {
        "webhook_secret",
        "webhook_secret_previous",
    }
    assert form.standard_fields.password.title == "API key"


def test_the_call_store_is_beside_airflows_own_database_by_default(monkeypatch, tmp_path):
    from airflow.sdk import conf

    assert conf.get("voiceinfra", "call_store").endswith("/voiceinfra.db")
    assert call_store().database.is_sqlite


def test_airflow_knows_which_settings_may_hold_a_password():
    from airflow.sdk import conf

    sensitive = {option for section, option in conf.sensitive_config_values if section == "voiceinfra"}
    assert sensitive == {"call_store", "forward_to"}
