"""``GET /health``: whether webhooks can be accepted, and whether they arrive."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection
from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from airflow_provider_voiceinfra.store.errors import StoreError
from airflow_provider_voiceinfra.webhook.delivery_buffer import DeliveryBuffer
from airflow_provider_voiceinfra.webhook.secrets import SecretMissingError, WebhookSecrets
from airflow_provider_voiceinfra.webhook.spool_folder import SpoolError

DEGRADED, UNAVAILABLE = "degraded", "unavailable"
TIMEOUT = 3.0
_MOST_DIGITS = 9
_FRESH = 1.0
"""Seconds for which one check serves all requests, so that strangers cannot keep the store busy."""


class Health:
    """Checks whether webhooks can be accepted.

    :param conn_ids: the connections that have a webhook here.
    """

    def __init__(self, buffer: DeliveryBuffer, secrets: WebhookSecrets, conn_ids: Collection[str]) -> None:
        self._buffer = buffer
        self._secrets = secrets
        self._conn_ids = conn_ids
        # The state of the spool, and what is wrong with it.
        self._spool: dict[str, Any] = {"state": "none"}
        self._reasons: list[str] = []
        self._looking: asyncio.Future[dict[str, Any]] | None = None
        self._until = 0.0

    async def answer(self, request: Request) -> Response:
        """Answer 200 while webhooks can be accepted, by store or spool, else 503.

        ``?max_open_age=1800`` answers 503 too when a call has waited for its completion for longer than so many
        seconds: webhooks have stopped.
        """
        max_open_age = request.query_params.get("max_open_age", "")
        if max_open_age and not (max_open_age.isdecimal() and len(max_open_age) <= _MOST_DIGITS):
            return JSONResponse({"error": "max_open_age is a number of seconds"}, status_code=400)
        found = await self.found()
        stuck = bool(max_open_age) and found["oldest_open_call_seconds"] > int(max_open_age)
        if stuck:
            reason = "a call is open for too long: have webhooks stopped?"
            status = found["status"] if found["status"] == UNAVAILABLE else DEGRADED
            found = found | {"status": status, "reasons": [*found["reasons"], reason]}
        return JSONResponse(found, status_code=503 if stuck or not found["can_take_webhooks"] else 200)

    async def found(self) -> dict[str, Any]:
        """Check, unless the last check is recent."""
        if self._looking is None or (self._looking.done() and time.monotonic() > self._until):
            self._looking = asyncio.ensure_future(self._look_for_all())
        try:
            async with asyncio.timeout(TIMEOUT):
                return await asyncio.shield(self._looking)
        except TimeoutError:
            # Looking up secrets may block as well.
            return await asyncio.to_thread(self._report, "does not answer", 0)

    async def _look_for_all(self) -> dict[str, Any]:
        try:
            return await asyncio.to_thread(self._look)
        finally:
            # Before the result is visible: a callback would leave a moment in which it seems old.
            self._until = time.monotonic() + _FRESH

    def _look(self) -> dict[str, Any]:
        # Before the store, which may hang.
        self._spool, self._reasons = self._look_at_spool()
        store = self._buffer.store
        try:
            store.check_writing()
            oldest = store.calls.oldest_open()
        except StoreError:
            return self._report("cannot be written", 0)
        age = (store.database.clock.now() - oldest).total_seconds() if oldest else 0
        return self._report("ok", int(age))

    def _report(self, store: str, oldest_open: int) -> dict[str, Any]:
        spool, reasons = self._spool, list(self._reasons)
        webhooks = {conn_id: self._secret(conn_id) for conn_id in sorted(self._conn_ids)}
        reasons += [f"{state}: {conn_id}" for conn_id, state in webhooks.items() if state != "ok"]
        # Once both can be written again, an earlier failure means nothing.
        nowhere = self._buffer.has_failed and not store == spool["state"] == "ok"
        can_take = "ok" in {store, spool["state"]} and "ok" in webhooks.values() and not nowhere
        if store != "ok":
            reasons.insert(0, f"the call store {store}{': webhooks go to the spool' if can_take else ''}")
        if nowhere:
            reasons.insert(0, "the latest webhook could be stored neither in the call store nor on the spool")
        status = UNAVAILABLE if not can_take else DEGRADED if reasons else "ok"
        return {
            "status": status,
            "reasons": reasons,
            "can_take_webhooks": can_take,
            "store": store,
            "spool": spool,
            "webhooks": webhooks,
            "oldest_open_call_seconds": oldest_open,
        }

    def _look_at_spool(self) -> tuple[dict[str, Any], list[str]]:
        spool = self._buffer.spool
        if spool is None:
            return {"state": "none"}, []
        try:
            spool.check()
            depth, set_aside = spool.depth(), spool.set_aside()
        except (SpoolError, OSError) as error:
            reason = error.reason if isinstance(error, SpoolError) else f"cannot be read: {error.strerror}"
            return {"state": reason}, [f"the spool {reason}"]
        reasons = [f"files of the spool are set aside, see the log: {len(set_aside)}"] if set_aside else []
        if spool.error:
            reasons.append(f"the spool cannot be emptied: {spool.error}")
        return {"state": "ok"} | asdict(depth) | {"set_aside": len(set_aside)}, reasons

    def _secret(self, conn_id: str) -> str:
        if not self._secrets.remembered(conn_id):
            try:
                self._secrets.get(conn_id)
            except SecretMissingError:
                return "no webhook_secret is known"
        return "ok"
