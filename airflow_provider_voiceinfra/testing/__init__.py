"""For tests of your own DAGs: the pytest fixture ``voiceinfra``, under which ``dag.test()`` rings no phone.

Put ``pytest_plugins = ["airflow_provider_voiceinfra.testing"]`` into your ``conftest.py``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_voiceinfra import config
from airflow_provider_voiceinfra.calls import account
from airflow_provider_voiceinfra.errors import InvalidCallError
from airflow_provider_voiceinfra.hooks import voiceinfra as hook_module
from airflow_provider_voiceinfra.phone_numbers.e164 import to_e164
from airflow_provider_voiceinfra.sandbox import Dial, Sandbox
from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.store.clock import ahead, jump
from airflow_provider_voiceinfra.testing.autojump import AutojumpClock
from airflow_provider_voiceinfra.testing.receiver import serving
from airflow_provider_voiceinfra.webhook.app import Receiver, create_app
from airflow_provider_voiceinfra.webhook.secrets import WebhookSecrets

if TYPE_CHECKING:
    from airflow_provider_voiceinfra.sandbox.scenarios import Outcome

_REGION = "US"
# A call ends before the test asks whether it has.
_AT_ONCE = (0.0, 0.05)


class LocalVoiceInfra:
    """A simulated VoiceInfra, a call store and a receiver in this process, for one test.

    :param sandbox: accepts the calls; the callee's number selects what happens.
    :param store: the call store of this test's tasks.
    """

    def __init__(self, sandbox: Sandbox, store: CallStore, clock: AutojumpClock) -> None:
        self.sandbox = sandbox
        self.store = store
        self._clock = clock

    @property
    def now(self) -> datetime:
        """The time of this test, which jumps to the end of any wait in which nothing else can happen."""
        return self._clock.now()

    def set_now(self, time: datetime | str) -> None:
        """Set the time at which the test begins, before any call.

        :param time: such as ``2026-12-01T10:00-05:00``.
        :raises ValueError: if the time has no time zone, or something has happened already.
        """
        begin = datetime.fromisoformat(time) if isinstance(time, str) else time
        if begin.tzinfo is None:
            raise ValueError(f"{time} has no time zone: write it like 2026-12-01T10:00-05:00.")
        if self.dials or self.sandbox.settle() is not None:
            raise ValueError("set_now sets the time at which the test begins: call it before anything else.")
        self._clock.set_now(begin)

    def after(self, delay: timedelta, action: Callable[[], object]) -> None:
        """Run an action while a DAG waits, such as completing a call or ending a pause.

        :param delay: from now, by the time of this test.
        :param action: called in another thread; an error in it ends the test.
        """
        self._clock.after(delay, action)

    @property
    def dials(self) -> list[Dial]:
        """The calls that were placed, in order."""
        return self.sandbox.dials

    def outcome(self, number: str, outcome: Outcome, **fields: object) -> None:
        """Set how calls to a number end, for the rest of the test.

        :param number: in any form that a DAG may use.
        :param fields: fields of the webhook, such as ``summary``; ``extracted`` is the data that the agent extracted.
        """
        self.sandbox.outcome(to_e164(number, field="number", region=_REGION), outcome, **_webhook_fields(fields))

    def complete(self, call_id: str, outcome: Outcome | None = None, **fields: object) -> None:
        """End a call that is still open, such as one to ``+1…555-0164``, which never ends by itself.

        :raises LookupError: if there is no such call.
        """
        self.sandbox.complete(call_id, outcome, **_webhook_fields(fields))


def _describe_pauses(store: CallStore) -> str:
    pauses = [
        f"{each.scope} {each.name}".strip() + f" ({each.paused_by}: {each.reason})" for each in store.pauses.in_force()
    ]
    waits_for = f"Paused: {', '.join(pauses)}." if pauses else "Nothing is scheduled."
    return f"{waits_for} Let the test end it, such as by voiceinfra.after(timedelta(hours=1), …)."


def _webhook_fields(fields: dict[str, object]) -> dict[str, object]:
    renamed = {"extracted_data": fields["extracted"]} if "extracted" in fields else {}
    return {name: value for name, value in fields.items() if name != "extracted"} | renamed


@pytest.fixture
def voiceinfra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalVoiceInfra]:
    """Put a sandbox, a receiver and an empty call store behind ``voiceinfra_default``: no phone rings.

    A connection to any other host is rejected.
    """
    from airflow_provider_voiceinfra.testing import dag_test

    store = CallStore(f"sqlite:///{tmp_path / 'voiceinfra.db'}")
    sandbox = Sandbox(delay=_AT_ONCE, ahead=ahead)
    receiver = Receiver(store, WebhookSecrets(lambda _: [sandbox.secret]))
    before = ahead()
    try:
        store.migrate()
        with serving(create_app(receiver)) as url, sandbox:
            sandbox.webhook_url = f"{url}/webhook"
            monkeypatch.setenv("AIRFLOW__VOICEINFRA__DEFERRAL_SETTLE_TIME", "0")
            monkeypatch.setenv("AIRFLOW__VOICEINFRA__CALL_STORE", store.database.shown_url)
            monkeypatch.setenv("AIRFLOW_CONN_VOICEINFRA_DEFAULT", _connection(sandbox))
            monkeypatch.setattr(hook_module, "base_url", _only(sandbox))
            config.call_store.cache_clear()
            clock = AutojumpClock(sandbox, lambda: _describe_pauses(store))
            with dag_test.waiting_by(clock):
                yield LocalVoiceInfra(sandbox, store, clock)
    finally:
        jump(before - ahead())
        if config.call_store.cache_info().currsize:
            config.call_store().close()
        config.call_store.cache_clear()
        store.close()


def _connection(sandbox: Sandbox) -> str:
    return json.dumps(
        {
            "conn_type": "voiceinfra",
            "host": sandbox.url,
            "password": "sandbox-key",
            "extra": {
                "agent_id": "agent_sandbox",
                "from_number": "+14155550199",
                "default_region": _REGION,
                "webhook_secret": sandbox.secret,
            },
        }
    )


def _only(sandbox: Sandbox) -> Callable[..., str]:
    def base_url(host: str | None, *, conn_id: str, **parts: Any) -> str:
        url = account.base_url(host, conn_id=conn_id, **parts)
        if url != sandbox.url:
            raise InvalidCallError(
                f"Connection {conn_id!r} leads to a real VoiceInfra, which the fixture voiceinfra rejects: let the "
                "DAG use voiceinfra_default in tests, or set this connection to the sandbox's address."
            )
        return url

    return base_url
