"""Calls to place, as tests need them; a test names only what it is about."""

from __future__ import annotations

from typing import Any

from airflow_provider_voiceinfra.calls.account import Account
from airflow_provider_voiceinfra.calls.api import VoiceInfraApi
from airflow_provider_voiceinfra.calls.call_intent import CallIntent
from airflow_provider_voiceinfra.calls.dialing import Dialer
from airflow_provider_voiceinfra.calls.keys import own_key, task_key
from airflow_provider_voiceinfra.calls.request import CallRequest
from airflow_provider_voiceinfra.calls.transport import Timeouts
from airflow_provider_voiceinfra.guard.limits import Limits
from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.store.models import Call, Source
from tests.support.wire import Play, wire

NUMBER, CALLER = "+14155550147", "+14155550199"
KEY = "vi_live_kTzQmWpRbXsYcVnD"
CONTEXT = "Her policy was cancelled on Monday; the balance is $1,204.\nPIN:\n8812\nBe kind."
FIRST_MESSAGE = "Hi Wilhelmina, it is about your biopsy."
VARIABLES = {"name": "Wilhelmina", "pin": 471147, "nested": {"list": ["Hölderlin street"]}}
SECRETS = (
    NUMBER,
    CALLER,
    KEY,
    CONTEXT,
    FIRST_MESSAGE,
    "Wilhelmina",
    "471147",
    "Hölderlin",
    "policy",
    "kTzQ",
    "8812",
    "biopsy",
    "5550147",
)
SOURCE = Source("dag", "manual__2026", "manual__2026", "call", map_index=3)


def account(url: str = "http://127.0.0.1:9", **changes: Any) -> Account:
    """An account whose connection says everything that all calls have in common."""
    fields = {
        "conn_id": "voiceinfra_default",
        "base_url": url,
        "api_key": KEY,
        "webhook_conn_id": "voiceinfra_default",
        "agent_id": "agent-1",
        "from_number": CALLER,
    }
    return Account(**(fields | changes))


def request(**changes: Any) -> CallRequest:
    """A call with everything in it."""
    fields = {"to_number": NUMBER, "first_message": FIRST_MESSAGE, "context": CONTEXT, "variables": VARIABLES}
    return CallRequest.build(account(), **(fields | changes))


def intent(key: str | None = "reminder-7", **changes: Any) -> CallIntent:
    """A call that somebody wants placed: under a key of their own, or by default under the task's."""
    what = request(**changes)
    if key is None:
        return CallIntent(task_key(SOURCE, to_number=what.to_number), what, SOURCE, {"id": 7})
    return CallIntent(own_key(key, to_number=what.to_number), what, SOURCE, {"id": 7})


def shows_no_secret(text: str) -> bool:
    """Whether a text keeps the number, the words of the call, and the key to itself."""
    shown = [secret for secret in SECRETS if secret in text]
    assert shown == [], text
    return True


def dialer(store: CallStore, url: str, **options: Any) -> Dialer:
    """Who places calls at a server; patient enough for a busy machine."""
    ours = account(url, limits=options.pop("limits", Limits()))
    api = VoiceInfraApi(ours, timeouts=options.pop("timeouts", Timeouts(connect=30, read=30, body=30)))
    return Dialer(store, ours, api=api, **options)


def place(play: Play) -> str:
    """Place a call that a server answers so."""
    with wire(play) as server:
        return VoiceInfraApi(account(server.url + "/v1")).place_call(request())


def only_call(store: CallStore) -> Call:
    """The one call that a store holds."""
    (call,) = store.calls.iterate()
    return call
