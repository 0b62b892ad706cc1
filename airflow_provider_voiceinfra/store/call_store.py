"""The call store: the entry point to all of its parts."""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.claims.claims import Claims
from airflow_provider_voiceinfra.store.claims.resolutions import Resolutions
from airflow_provider_voiceinfra.store.engine import Database
from airflow_provider_voiceinfra.store.feed.completed_calls import CompletedCalls
from airflow_provider_voiceinfra.store.feed.cursors import Cursors
from airflow_provider_voiceinfra.store.guard.do_not_call import DoNotCall
from airflow_provider_voiceinfra.store.guard.pauses import Pauses
from airflow_provider_voiceinfra.store.guard.session import Guard
from airflow_provider_voiceinfra.store.guard.usage import Usage
from airflow_provider_voiceinfra.store.inbox.arrivals import Arrivals
from airflow_provider_voiceinfra.store.inbox.completions import Completions
from airflow_provider_voiceinfra.store.inbox.deliveries import Deliveries
from airflow_provider_voiceinfra.store.inbox.extractions import Extractions
from airflow_provider_voiceinfra.store.inbox.forwards import Forwards
from airflow_provider_voiceinfra.store.inbox.opt_out import OptOut
from airflow_provider_voiceinfra.store.inbox.quarantine import Quarantine
from airflow_provider_voiceinfra.store.inbox.rejected_webhooks import RejectedWebhooks
from airflow_provider_voiceinfra.store.lists.call_lists import CallLists
from airflow_provider_voiceinfra.store.lists.forecasts import Forecasts
from airflow_provider_voiceinfra.store.lists.list_pages import ListPages
from airflow_provider_voiceinfra.store.lists.list_progress import ListProgresses
from airflow_provider_voiceinfra.store.lists.list_rows import ListRows
from airflow_provider_voiceinfra.store.lists.list_states import ListStates
from airflow_provider_voiceinfra.store.lists.pilots import Pilots
from airflow_provider_voiceinfra.store.lists.redials import Redials
from airflow_provider_voiceinfra.store.lists.row_numbers import RowNumbers
from airflow_provider_voiceinfra.store.lists.row_pages import RowPages
from airflow_provider_voiceinfra.store.lists.variant_results import VariantResults
from airflow_provider_voiceinfra.store.operations.overview import Overview
from airflow_provider_voiceinfra.store.operations.rename_connection import Connections
from airflow_provider_voiceinfra.store.operations.rename_host import Hosts
from airflow_provider_voiceinfra.store.operations.retention import Retention
from airflow_provider_voiceinfra.store.reads.attempts import Attempts
from airflow_provider_voiceinfra.store.reads.call_pages import CallPages
from airflow_provider_voiceinfra.store.reads.call_reader import Calls


class CallStore:
    """The database of calls and completions. Opens no connection before it is used.

    :param url: SQLAlchemy URL of the database, SQLite or PostgreSQL.
    :param environment: lets staging and production share a database without sharing keys.
    :param extracted_field: the webhook's field that contains the extracted data; if empty, the only object.
    :param forward_to: URLs of other environments to which each webhook is forwarded.
    :param opt_out_field: the extracted field that says that the callee asked not to be called again; empty for none.
    :param hash_do_not_call: keep only hashes of the numbers on the do-not-call list.
    """

    def __init__(
        self,
        url: str,
        *,
        environment: str = "default",
        extracted_field: str = "",
        forward_to: Collection[str] = (),
        opt_out_field: str = "",
        hash_do_not_call: bool = False,
    ) -> None:
        self.environment = environment
        self.database = Database(url)
        self.do_not_call = DoNotCall(self.database, hashed=hash_do_not_call)
        self.pauses = Pauses(self.database, environment)
        self.claims = Claims(self.database, environment, Guard(environment, self.do_not_call))
        self.lists = CallLists(self.database, environment)
        self.pages = CallPages(self.database, environment)
        self.list_pages = ListPages(self.database, environment)
        self.row_pages = RowPages(self.database, environment)
        self.overview = Overview(self.database, environment)
        self.list_rows = ListRows(self.database)
        self.list_progress = ListProgresses(self.database, environment)
        self.list_states = ListStates(self.database)
        self.forecasts = Forecasts(self.database)
        self.usage = Usage(self.database, environment)
        self.redials = Redials(self.database, environment)
        self.variant_results = VariantResults(self.database, environment)
        self.pilots = Pilots(self.database, environment, self.list_rows)
        self.row_numbers = RowNumbers(self.database, self.do_not_call)
        self.calls = Calls(self.database, environment, extracted_field)
        self.attempts = Attempts(self.database, environment, self.calls)
        self.deliveries = Deliveries(
            self.database, forward_to, OptOut(opt_out_field, extracted_field, "hash" if hash_do_not_call else "number")
        )
        self.quarantine = Quarantine(self.database)
        self.arrivals = Arrivals(self.database, environment)
        self.forwards = Forwards(self.database)
        self.retention = Retention(self.database, environment)
        self.completions = Completions(self.database, environment)
        self.extractions = Extractions(self.database, extracted_field)
        self.completed_calls = CompletedCalls(self.database, environment, extracted_field)
        self.cursors = Cursors(self.database, environment, self.completed_calls, self.calls)
        self.resolutions = Resolutions(self.database, environment)
        self.connections = Connections(self.database, environment)
        self.hosts = Hosts(self.database, environment)
        self.rejected_webhooks = RejectedWebhooks(self.database)

    def migrate(self) -> None:
        """Create the store, or migrate it to this version's schema.

        :raises StoreError: if it cannot be written, or was created by a newer version.
        """
        # Alembic is slow to import, and a task never needs it.
        from airflow_provider_voiceinfra.store.migrations import migrate

        migrate(self.database)

    def id(self) -> str:
        """Return the id of this store, a random one that was generated when it was created."""
        with self.database.read() as tx:
            return str(tx.execute(sa.select(schema.store.c.id)).scalar_one())

    def check(self) -> None:
        """Check that the store can be used.

        :raises StoreError: if it is missing, of another version, or does not answer.
        """
        with self.database.read():
            pass

    def check_writing(self) -> None:
        """Check that the store can be written; nothing is changed.

        :raises StoreError: if it cannot.
        """
        with self.database.write() as tx:
            tx.execute(sa.update(schema.store).values(created_at=schema.store.c.created_at))
            tx.rollback()

    def close(self) -> None:
        """Close every connection."""
        self.database.dispose()
