"""The receiver as a function, for a queue consumer or a cloud function."""

from __future__ import annotations

import functools
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus

from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.store.errors import StoreError
from airflow_provider_voiceinfra.store.inbox.delivery import Delivery
from airflow_provider_voiceinfra.webhook.app import ANSWERS, DEFAULT_CONN_ID, SIGNATURE, forwarded
from airflow_provider_voiceinfra.webhook.metrics import NoMetrics
from airflow_provider_voiceinfra.webhook.secrets import WebhookSecrets
from airflow_provider_voiceinfra.webhook.settings import Settings, connection_secrets, settings
from airflow_provider_voiceinfra.webhook.verification import Verdict, Verification

log = logging.getLogger(__name__)


def receive(headers: Mapping[str, str], body: bytes, conn_id: str = DEFAULT_CONN_ID) -> int:
    """Verify one webhook and store it before returning. All settings come from the environment.

    :param headers: as received, names in any case.
    :param body: the bytes as received.
    :param conn_id: the connection whose webhook it is.
    :return: the status to answer with: 200 once it is stored, 401 if it is not signed with the connection's secret,
        404 where that connection has no webhook, 413 where it is too large, 503 where it is to be sent again.
    """
    found, store, verification = _parts()
    if conn_id not in found.webhook_conn_ids:
        return HTTPStatus.NOT_FOUND
    if len(body) > found.max_webhook_bytes:
        return HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    # The headers that are read are Latin-1.
    raw = {_latin(name.lower()): _latin(value) for name, value in headers.items()}
    verdict = verification.verify(conn_id, body, raw.get(SIGNATURE, b"").decode("latin-1"))
    if verdict is not Verdict.VALID:
        return ANSWERS[verdict]
    try:
        store.deliveries.keep([Delivery.read(conn_id, datetime.now(UTC), body, forwarded(raw))])
    except StoreError as error:
        # Not to a spool: nothing would empty it later.
        log.error("The call store cannot take a webhook: VoiceInfra must send it again. %s", error)
        return HTTPStatus.SERVICE_UNAVAILABLE
    return HTTPStatus.OK


def _latin(text: str) -> bytes:
    return text.encode("latin-1", "replace")


@functools.cache
def _parts() -> tuple[Settings, CallStore, Verification]:
    found = settings()
    return found, found.open_store(), Verification(WebhookSecrets(connection_secrets), NoMetrics())
