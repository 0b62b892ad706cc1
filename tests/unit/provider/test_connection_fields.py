"""A connection's extra fields: what cannot be read, or is misspelt, must not pass for "no limit"."""

from __future__ import annotations

import json

import pytest

from airflow_provider_voiceinfra import connection_fields
from airflow_provider_voiceinfra.connection_fields import KNOWN_FIELDS, check_names, warn_once
from airflow_provider_voiceinfra.errors import InvalidCallError
from airflow_provider_voiceinfra.get_provider_info import get_provider_info
from airflow_provider_voiceinfra.hooks.voiceinfra import VoiceInfraHook
from airflow_provider_voiceinfra.plugin import api_server
from airflow_provider_voiceinfra.webhook import settings

MISSPELT = {
    "allowed_numers": "allowed_numbers",
    "allowed_number": "allowed_numbers",
    "Allowed_Numbers": "allowed_numbers",
    "allowedNumbers": "allowed_numbers",
    "allowed numbers": "allowed_numbers",
    " allowed_numbers": "allowed_numbers",
    "numbers_allowed": "allowed_numbers",
    "extra__voiceinfra__allowed_numbers": "allowed_numbers",
    "calling-hours": "calling_hours",
    "call_hours": "calling_hours",
    "max_call_per_day": "max_calls_per_day",
    "max_calls": "max_calls_per_day",
    "max_minutes": "max_minutes_per_day",
    "max_calls_per_number_and_day": "max_calls_per_number",
    "calls_per_minute": "calls_per_second",
    "maxInFlight": "max_in_flight",
    "max_calls_number": "max_calls_per_number",
    "webhookSecret": "webhook_secret",
    "agent": "agent_id",
    "default_regoin": "default_region",
}
SECRET = "+14155550142"


@pytest.fixture(autouse=True)
def nothing_said_before():
    warn_once.cache_clear()


@pytest.fixture
def hook(monkeypatch):
    """Return the hook of a connection with this extra."""

    def hook(extra):
        connection = {"conn_type": "voiceinfra", "password": "key", "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_MINE", json.dumps(connection))
        return VoiceInfraHook("mine")

    return hook


def warnings(caplog):
    ours = [record for record in caplog.records if record.name == connection_fields.__name__]
    return [record.getMessage() for record in ours if record.levelname == "WARNING"]


def test_what_is_known_is_what_the_form_has():
    [form] = get_provider_info()["connection-types"]
    assert form["conn-fields"].keys() == KNOWN_FIELDS
    check_names(dict.fromkeys(KNOWN_FIELDS, ""), conn_id="mine")


@pytest.mark.parametrize(("name", "resembled"), MISSPELT.items())
def test_a_misspelt_field_is_an_error_that_names_the_field_it_resembles(hook, caplog, name, resembled):
    with pytest.raises(InvalidCallError, match=r"of connection 'mine' is not known") as error:
        _ = hook({name: SECRET}).account
    assert f"{name!r} of" in str(error.value)
    assert f"is {resembled!r} meant?" in str(error.value) or name in {"calls_per_minute"}
    assert "Nothing is dialled" in str(error.value)
    assert SECRET not in str(error.value) + caplog.text
    assert hook({name: SECRET}).test_connection() == (False, str(error.value))


@pytest.mark.parametrize("name", ["team", "owner", "cost_center", "notes", "region", "webhook_url"])
def test_a_field_that_resembles_none_is_a_warning_once(hook, caplog, name):
    for _ in range(3):
        assert hook({name: SECRET, "agent_id": "agent-1"}).account.agent_id == "agent-1"
    [said] = warnings(caplog)
    assert said == f"The extra field {name!r} of connection 'mine' is not known, and is ignored."
    assert SECRET not in caplog.text


@pytest.mark.parametrize(
    "extra",
    [
        '{"allowed_numbers": "+14155550142",}',
        "{'allowed_numbers': '+14155550142'}",
        '["+14155550142"]',
        '"+14155550142"',
        "4155550142",
        "allowed_numbers=+14155550142",
        ["+14155550142"],
        json.dumps(json.dumps({"allowed_numbers": SECRET})),
    ],
)
def test_an_extra_that_is_not_a_json_object_is_an_error(hook, caplog, extra):
    with pytest.raises(InvalidCallError, match="The extra of connection 'mine'") as error:
        _ = hook(extra).account
    assert "Nothing is dialled" in str(error.value)
    assert "4155550142" not in str(error.value) + caplog.text


@pytest.mark.parametrize("extra", [None, "", " ", "null", "{}", {}])
def test_no_extra_is_no_limit(hook, extra):
    assert hook(extra).account.limits.allowed_numbers is None


def test_settings_are_stripped_of_white_space(hook):
    account = hook(
        {"agent_id": " agent-1\n", "allowed_numbers": "\t+14155550142 ", "webhook_conn_id": " main "}
    ).account
    assert (account.agent_id, account.webhook_conn_id) == ("agent-1", "main")
    assert account.limits.allowed_numbers == {"+14155550142"}


@pytest.mark.parametrize("look_up", [api_server.connection_secrets, settings.connection_secrets])
@pytest.mark.parametrize(
    "connection",
    [
        json.dumps(
            {"conn_type": "voiceinfra", "extra": {"webhook_secret": " new\n", "webhook_secret_previous": "\told "}}
        ),
        "voiceinfra://:key@/?webhook_secret=%20new%0A&webhook_secret_previous=old%20",
    ],
)
def test_a_webhook_secret_is_stripped_by_airflow_and_by_the_receiver_alike(monkeypatch, look_up, connection):
    monkeypatch.setenv("AIRFLOW_CONN_MINE", connection)
    assert look_up("mine") == ["new", "old"]


@pytest.mark.parametrize("look_up", [api_server.connection_secrets, settings.connection_secrets])
def test_the_receiver_names_a_misspelt_field_and_takes_webhooks_all_the_same(monkeypatch, caplog, look_up):
    extra = {"webhook_secret": "new", "allowed_numers": SECRET}
    monkeypatch.setenv("AIRFLOW_CONN_MINE", json.dumps({"conn_type": "voiceinfra", "extra": extra}))
    assert [look_up("mine") for _ in range(3)] == [["new", ""]] * 3
    [said] = warnings(caplog)
    assert "'allowed_numers'" in said
    assert "'allowed_numbers' meant?" in said
    assert SECRET not in caplog.text


@pytest.mark.parametrize("look_up", [api_server.connection_secrets, settings.connection_secrets])
def test_the_receiver_says_that_an_extra_is_not_json(monkeypatch, caplog, look_up):
    from airflow_provider_voiceinfra.webhook.secrets import SecretMissingError, WebhookSecrets

    extra = "{'webhook_secret': 'new'}"
    monkeypatch.setenv("AIRFLOW_CONN_MINE", json.dumps({"conn_type": "voiceinfra", "extra": extra}))
    with pytest.raises(SecretMissingError):
        WebhookSecrets(look_up).get("mine")
    assert "The extra of connection 'mine' is not JSON" in caplog.text
