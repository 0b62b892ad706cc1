"""``GET /health``: whether webhooks can be taken, and whether they come."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from airflow_provider_voiceinfra.store.errors import StoreError
from airflow_provider_voiceinfra.webhook.keeper import Keeper
from airflow_provider_voiceinfra.webhook.metrics import PREFIX, Metrics
from airflow_provider_voiceinfra.webhook.secrets import SecretMissingError, WebhookSecrets
from airflow_provider_voiceinfra.webhook.spool import SpoolError

_PATIENCE = 3.0
_MOST_DIGITS = 9
_GAUGE_INTERVAL = 60.0
_FRESH = 1.0
"""Seconds in which a look at the store serves everybody who asks: strangers cannot keep it busy."""


class Health:
    """Looks whether webhooks can be taken.

    :param conn_ids: the connections that have a webhook here.
    """

    def __init__(self, keeper: Keeper, secrets: WebhookSecrets, conn_ids: Collection[str]) -> None:
        self._keeper = keeper
        self._secrets = secrets
        self._conn_ids = conn_ids
        self._looking: asyncio.Future[dict[str, Any]] | None = None
        self._until = 0.0

    async def answer(self, request: Request) -> Response:
        """Answer 200 while webhooks can be taken, be it by the spool, else 503.

        ``?max_open_age=1800`` answers 503 too when a call has waited for its completion for longer than so many
        seconds: webhooks have stopped.
        """
        max_open_age = request.query_params.get("max_open_age", "")
        if max_open_age and not (max_open_age.isdecimal() and len(max_open_age) <= _MOST_DIGITS):
            return JSONResponse({"error": "max_open_age is a number of seconds"}, status_code=400)
        found = await self.found()
        stuck = bool(max_open_age) and found["oldest_open_call_seconds"] > int(max_open_age)
        if stuck:
            found = found | {"status": "a call is open for too long: have webhooks stopped?"}
        return JSONResponse(found, status_code=503 if stuck or not found["can_take_webhooks"] else 200)

    async def found(self) -> dict[str, Any]:
        """Look, unless somebody looked a moment ago."""
        if self._looking is None or (self._looking.done() and time.monotonic() > self._until):
            self._looking = asyncio.ensure_future(self._look_for_all())
        try:
            async with asyncio.timeout(_PATIENCE):
                return await asyncio.shield(self._looking)
        except TimeoutError:
            # A look-up of secrets may block as well.
            return await asyncio.to_thread(self._report, "does not answer", 0)

    async def _look_for_all(self) -> dict[str, Any]:
        try:
            return await asyncio.to_thread(self._look)
        finally:
            # Before the look is done for anybody: a callback would leave a moment in which it seems to be old.
            self._until = time.monotonic() + _FRESH

    def _look(self) -> dict[str, Any]:
        store = self._keeper.store
        try:
            store.check_writing()
            oldest = store.calls.oldest_open()
        except StoreError:
            return self._report("cannot be written", 0)
        age = (datetime.now(UTC) - oldest).total_seconds() if oldest else 0
        return self._report("ok", int(age))

    def _report(self, store: str, oldest_open: int) -> dict[str, Any]:
        spool, spool_state = self._keeper.spool, "none"
        if spool is not None:
            try:
                spool.check()
                spool_state = "ok"
            except SpoolError:
                spool_state = "cannot be written"
        webhooks = {conn_id: self._secret(conn_id) for conn_id in sorted(self._conn_ids)}
        can_take = "ok" in {store, spool_state} and "ok" in webhooks.values()
        status = "webhooks cannot be taken"
        if can_take:
            status = "ok" if store == "ok" else "the spool takes webhooks"
        return {
            "status": status,
            "can_take_webhooks": can_take,
            "store": store,
            "spool": {"state": spool_state} | (asdict(spool.depth()) if spool and spool_state == "ok" else {}),
            "webhooks": webhooks,
            "oldest_open_call_seconds": oldest_open,
        }

    def _secret(self, conn_id: str) -> str:
        if not self._secrets.remembered(conn_id):
            try:
                self._secrets.get(conn_id)
            except SecretMissingError:
                return "no webhook_secret is known"
        return "ok"


class Gauges:
    """Measures from time to time what no webhook tells."""

    def __init__(self, health: Health, metrics: Metrics) -> None:
        self._health = health
        self._metrics = metrics

    async def run(self) -> None:
        """Measure, until cancelled."""
        while True:
            found = await self._health.found()
            self._metrics.gauge(f"{PREFIX}.spool_depth", found["spool"].get("deliveries", 0))
            self._metrics.gauge("voiceinfra.calls.oldest_open_seconds", found["oldest_open_call_seconds"])
            await asyncio.sleep(_GAUGE_INTERVAL)
