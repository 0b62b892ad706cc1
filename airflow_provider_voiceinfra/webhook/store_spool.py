"""The spool of one call store; a folder that belongs to another store is not used."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.store.errors import StoreError
from airflow_provider_voiceinfra.store.inbox.delivery import Delivery
from airflow_provider_voiceinfra.webhook.metrics import describe
from airflow_provider_voiceinfra.webhook.spool import Keep, Spool, SpoolDepth
from airflow_provider_voiceinfra.webhook.spool_folder import SpoolError
from airflow_provider_voiceinfra.webhook.spool_owner import SpoolOwner

log = logging.getLogger(__name__)


class StoreSpool:
    """A spool whose folder is claimed for its store before each use."""

    def __init__(self, spool: Spool, store: CallStore) -> None:
        self.folder = spool.folder
        self.error = ""
        """Why it cannot be emptied; empty if it can."""
        self._spool = spool
        self._store = store
        self._owner = SpoolOwner(spool.folder, store.database.shown_url)

    def check(self) -> None:
        """Check that it can take a webhook.

        :raises SpoolError: with the reason.
        """
        self._owner.claim()
        self._spool.check()

    def add(self, deliveries: Sequence[Delivery]) -> None:
        """Write deliveries: they are on disk when this returns.

        :raises SpoolError: if they cannot be written.
        """
        self._owner.claim()
        self._spool.add(deliveries)

    def drain(self, keep: Keep, *, entirely: bool = False) -> bool:
        """Hand over all deliveries, oldest first. What goes wrong is logged once, and stays in ``error``.

        :param keep: stores them; see :meth:`Spool.drain`.
        :param entirely: fail unless nothing is left and the store can be written.
        """
        try:
            if self._owner.store_id is None or self._spool.depth().deliveries:
                # Asked again each time: the URL may lead to another database by now.
                self._owner.store_id = self._store.id()
            self._owner.claim()
            self._spool.drain(keep)
            if entirely:
                self._store.check_writing()
            drained = not entirely or not self._spool.depth().deliveries
        except StoreError:
            # The buffer has logged it.
            return False
        except SpoolError as error:
            self._log_once(error.reason, str(error))
            return False
        except Exception as error:  # noqa: BLE001 - it is tried again
            reason = describe(error)
            self._log_once(reason, f"The spool at {self.folder} cannot be emptied: it is tried again. {reason}")
            return False
        self.error = ""
        return drained

    def depth(self) -> SpoolDepth:
        """Return how much it holds."""
        return self._spool.depth()

    def set_aside(self) -> dict[str, str]:
        """Return the files that are not handed over, each with the reason."""
        return self._spool.set_aside()

    def _log_once(self, reason: str, message: str) -> None:
        if reason != self.error:
            log.error("%s", message)
        self.error = reason
