"""Somebody who looks into VoiceInfra's call log for calls of which nobody knows whether they were placed."""

from __future__ import annotations

import time
from contextlib import suppress

from airflow_provider_voiceinfra.sandbox import Sandbox
from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.store.errors import StoreError
from airflow_provider_voiceinfra.store.models import CallState
from airflow_provider_voiceinfra.store.reads.call_filter import CallFilter

_INTERVAL = 5.0


class Person:
    """Does what ``airflow voiceinfra calls resolve … --not-placed`` does, for calls that are not in the log.

    Those that are in it are settled by their own webhooks, without a person.
    """

    def __init__(self, store: CallStore, sandbox: Sandbox) -> None:
        self.not_placed: list[str] = []
        self._store = store
        self._sandbox = sandbox
        self._look_at = 0.0

    def look(self) -> None:
        """Look, every few seconds."""
        if time.monotonic() < self._look_at:
            return
        self._look_at = time.monotonic() + _INTERVAL
        with suppress(StoreError):
            # Its worker is dead, and its claim too old: it is not sent any more.
            unknown = list(self._store.calls.iterate(CallFilter(state=CallState.UNKNOWN)))
            log = {dial.to_number for dial in self._sandbox.dials}
            for call in unknown:
                if call.to_number not in log:
                    self._store.resolutions.not_placed(call.ref, actor="who looked into the call log")
                    self.not_placed.append(call.ref)
