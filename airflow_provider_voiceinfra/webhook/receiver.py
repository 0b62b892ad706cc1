"""What happens to one webhook, whatever brought it: verified, understood, kept."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http import HTTPStatus

from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.store.completion_body import NotUnderstoodError, parse_completion
from airflow_provider_voiceinfra.store.errors import StoreError
from airflow_provider_voiceinfra.webhook import signature
from airflow_provider_voiceinfra.webhook.secrets import SecretMissingError, WebhookSecrets

log = logging.getLogger(__name__)


class Receiver:
    """Keeps completions in the call store; answers only what is committed.

    :param secrets: by which each webhook is verified.
    """

    def __init__(self, store: CallStore, secrets: WebhookSecrets) -> None:
        self.store = store
        self.secrets = secrets

    def receive(self, headers: Mapping[str, str], body: bytes, *, conn_id: str) -> HTTPStatus:
        """Take one webhook. Blocks until it is on the disk.

        :param headers: with the signature, names in lower case.
        :param body: as received.
        :param conn_id: the connection whose webhook it is.
        :return: 200 when it is kept; 401 when it is not signed by its secret; 503 when it cannot be told or kept,
            so that VoiceInfra sends it again.
        """
        try:
            signature.verify(body, headers.get(signature.HEADER.lower()), self.secrets.get(conn_id))
        except signature.SignatureError:
            log.warning(
                "A webhook to %r was refused: its signature is missing or wrong. If VoiceInfra sent it, the "
                "webhook_secret of the connection differs from the one under Settings → Webhooks.",
                conn_id,
            )
            return HTTPStatus.UNAUTHORIZED
        except SecretMissingError:
            log.error(
                "A webhook to %r cannot be verified: set webhook_secret on that connection, the same as under "
                "Settings → Webhooks.",
                conn_id,
            )
            return HTTPStatus.SERVICE_UNAVAILABLE
        try:
            self._keep(conn_id, body)
        except StoreError as error:
            log.error("A completion cannot be stored; VoiceInfra is asked to send it again. %s", error)
            return HTTPStatus.SERVICE_UNAVAILABLE
        return HTTPStatus.OK

    def _keep(self, conn_id: str, body: bytes) -> None:
        try:
            completion = parse_completion(body)
        except NotUnderstoodError as error:
            log.warning("A signed webhook to %r is not understood, because %s: kept in quarantine.", conn_id, error)
            self.store.completions.quarantine(conn_id, body, str(error))
            return
        delivery = self.store.completions.record(conn_id, completion, body)
        log.info("Completion of %s (%s): %s.", completion.call_id, completion.outcome, delivery.value)
