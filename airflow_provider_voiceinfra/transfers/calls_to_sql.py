"""Writes the results of calls to a warehouse."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from airflow.sdk import BaseHook

from airflow_provider_voiceinfra import arguments
from airflow_provider_voiceinfra.templates import TemplatedOperator
from airflow_provider_voiceinfra.transfers.results_columns import columns_for
from airflow_provider_voiceinfra.transfers.which_calls import check_which, read_attempts

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage
    from airflow.sdk import Context

    from airflow_provider_voiceinfra.store.lists.list_pages import ListRow

# Rows per statement: databases limit its parameters.
_BATCH_SIZE = 500
_CALLED_NUMBER = ("masked", "full")


class CallsToSqlOperator(TemplatedOperator):
    """Writes one row per attempt to a table, replacing rows that it wrote before.

    Rows of a list that were set aside, and so were not called, are written too, with the reason. Everything is written
    in one transaction: readers never see half of it, and a rerun or an overlap changes nothing. If the table does not
    exist, it is created with a view ``<table>_latest`` of the newest attempt of each call. Returns the number of rows
    written.

    :param list_id: write the calls of this list, such as ``call_list.output["list_id"]``. (templated)
    :param since: or write all calls that have changed since this time: a datetime or an ISO 8601 string, in UTC if it
        has no time zone, such as ``{{ prev_start_date_success or '2026-01-01' }}``. (templated)
    :param sql_conn_id: a connection to any database that Airflow's common-sql supports. (templated)
    :param table: its name, such as ``results`` or ``analytics.results``. (templated)
    :param metadata_columns: keys of the calls' ``metadata``, each written to a column of its own.
    :param completion_fields: additional fields of the completions, by VoiceInfra's name, such as ``transcript``,
        ``summary``, ``recording_url`` or ``to_number``; ``extracted`` is the data that the agent extracted, as JSON. By
        default, no number and no content of calls leaves the call store.
    :param called_number: ``"masked"`` or ``"full"`` adds a column ``called_number``: the number that was called, such
        as ``+1415•••0100``. Default: no column.
    """

    template_fields: Sequence[str] = ("list_id", "since", "sql_conn_id", "table")
    text_fields: ClassVar[Sequence[str]] = template_fields

    def __init__(
        self,
        *,
        list_id: str | None = None,
        since: datetime | str | None = None,
        sql_conn_id: str,
        table: str,
        metadata_columns: Collection[str] = (),
        completion_fields: Collection[str] = (),
        called_number: Literal["masked", "full"] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_which(list_id, since)
        arguments.strings(sql_conn_id=sql_conn_id, table=table)
        self.list_id = list_id
        self.since = since
        self.sql_conn_id = sql_conn_id
        self.table = table
        self.metadata_columns = arguments.names("metadata_columns", metadata_columns)
        self.completion_fields = arguments.names("completion_fields", completion_fields)
        if called_number not in {None, *_CALLED_NUMBER}:
            raise ValueError(arguments.wrong("called_number", " or ".join(map(repr, _CALLED_NUMBER)), called_number))
        self.called_number = called_number
        columns_for(self.metadata_columns, self.completion_fields, called_number)

    def execute(self, context: Context) -> int:  # noqa: ARG002 - Airflow's signature
        """Write the rows, a few hundred at a time."""
        from airflow_provider_voiceinfra.transfers.results_table import ResultsTable

        attempts, set_aside = read_attempts(self.list_id, self.since), self._set_aside()
        columns = columns_for(self.metadata_columns, self.completion_fields, self.called_number)
        table = ResultsTable(BaseHook.get_hook(self.sql_conn_id), self.table, columns)
        if table.create_if_missing():
            self.log.info("Created table %s and view %s_latest.", self.table, self.table)
        written = purged = 0
        with table.replacing(self.list_id) as replace:
            for page in attempts:
                kept = [attempt for attempt in page if attempt.call.purged_at is None]
                replace([tuple(column.of_attempt(attempt) for column in columns) for attempt in kept])
                written += len(kept)
                purged += len(page) - len(kept)
            while rows := list(islice(set_aside, _BATCH_SIZE)):
                replace([tuple(column.of_row(row) for column in columns) for row in rows])
                written += len(rows)
        self.log.info("Wrote %d rows to %s.", written, self.table)
        if purged:
            # Data that was purged from the call store is not removed from the warehouse.
            self.log.info("%d calls are purged: their rows in %s were not changed.", purged, self.table)
        return written

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> OperatorLineage[Any, Any]:  # noqa: ARG002
        """Return the written table, for OpenLineage."""
        from airflow_provider_voiceinfra.openlineage import table_lineage

        return table_lineage(BaseHook.get_hook(self.sql_conn_id), self.sql_conn_id, self.table)

    def _set_aside(self) -> Iterator[ListRow]:
        from airflow_provider_voiceinfra.config import call_store
        from airflow_provider_voiceinfra.store.lists.row_values import RowState

        return iter(()) if self.list_id is None else call_store().list_pages.rows(self.list_id, RowState.SET_ASIDE)
