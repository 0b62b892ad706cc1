"""One execution of a call list's task: importing the rows, dialing them, and the summary."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import cached_property, wraps
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from airflow.sdk.exceptions import AirflowFailException

from airflow_provider_voiceinfra.calls.call_intent import CallIntent
from airflow_provider_voiceinfra.calls.stop import StopFlag
from airflow_provider_voiceinfra.context import clear_count, task_source
from airflow_provider_voiceinfra.deferral import settle_time
from airflow_provider_voiceinfra.errors import VoiceInfraError
from airflow_provider_voiceinfra.guard.constraints import default_zone
from airflow_provider_voiceinfra.hooks.voiceinfra import VoiceInfraHook
from airflow_provider_voiceinfra.lists.column_mapping import ColumnMapping
from airflow_provider_voiceinfra.lists.dry_run import dry_run
from airflow_provider_voiceinfra.lists.forecast import Capacity, forecast_list
from airflow_provider_voiceinfra.lists.list_dialer import ListDialer, ResumeAt
from airflow_provider_voiceinfra.lists.progress import Progress, describe
from airflow_provider_voiceinfra.lists.row_groups import RowGroups
from airflow_provider_voiceinfra.lists.row_queue import RowQueue
from airflow_provider_voiceinfra.lists.row_results import ListStoppedError
from airflow_provider_voiceinfra.lists.set_aside import describe_set_aside
from airflow_provider_voiceinfra.lists.source_rows import CallDefaults
from airflow_provider_voiceinfra.lists.summary import NOT_CALLED, NOT_REACHED, summarize
from airflow_provider_voiceinfra.operators.list_capacity import capacity_of
from airflow_provider_voiceinfra.operators.list_options import ListOptions
from airflow_provider_voiceinfra.operators.list_source import (
    ListSourceError,
    first_column,
    is_data_frame,
    query_rows,
    rows_of,
)
from airflow_provider_voiceinfra.store.errors import StoreError
from airflow_provider_voiceinfra.store.hashing import join_parts
from airflow_provider_voiceinfra.store.lists.call_lists import SupersededImportError
from airflow_provider_voiceinfra.store.lists.row_values import DueRow, NewRow, RowState
from airflow_provider_voiceinfra.store.watch.deadlines import Deadlines

if TYPE_CHECKING:
    from airflow.sdk import Context

log = logging.getLogger(__name__)

# Rows that are read or planned together.
_AT_ONCE = 500
T = TypeVar("T")


def _failure_recorded(step: Callable[[ListRun], T]) -> Callable[[ListRun], T]:
    """Let a list say why a step of its task has failed."""

    @wraps(step)
    def recording(run: ListRun) -> T:
        try:
            return step(run)
        except BaseException as error:
            run.record_failure(error)
            raise

    return recording


class ListRun:
    """Runs a list, for one execution of its task.

    :param context: the task's, from Airflow.
    :param stop: is set when the task is stopped.
    :raises InvalidCallError: if the connection is invalid.
    """

    def __init__(self, options: ListOptions, context: Context, stop: StopFlag) -> None:
        self._options = options
        self._stop = stop
        self._source = task_source(context)
        self._clear = clear_count(context)
        self._hook = VoiceInfraHook(options.voiceinfra_conn_id)
        self._store = self._hook.store
        self._defaults = self._call_defaults()
        # Before anything is written: it knows whether this is the call store of earlier tries.
        self._dialer = self._hook.dialer
        self.list_id = self._store.lists.open(self._source, self._hook.account.realm)

    @_failure_recorded
    def read(self) -> None:
        """Read the rows, if they are not read yet, and see that there are not too many bad ones."""
        # First, because rows that were not called after all count as new: the source decides about them again.
        self._progress.begin()
        if not self._store.lists.is_imported(self.list_id, self._clear):
            self._read_into(self.list_id)
        self._check_set_aside(self.list_id)

    def dry_run(self) -> dict[str, Any]:
        """Forecast the results of the rows; place no call, and leave nothing in the store."""
        lists = self._store.lists
        aside = replace(self._source, task_id=f"{self._source.task_id} (dry run)")
        lists.discard(lists.open(aside, self._hook.account.realm))
        list_id = lists.open(aside, self._hook.account.realm)
        try:
            self._read_into(list_id)
            self._end_ineligible(list_id)
            for rows in self._store.list_rows.pending(list_id, _AT_ONCE):
                self._store.row_numbers.choose(list_id, rows)
            summary = summarize(self._store, list_id, always=NOT_CALLED)
            summary.pop("pending", None)
            found = dry_run(
                self._store,
                self._dialer,
                self._store.list_rows.pending(list_id, _AT_ONCE),
                self._intent,
            )
            forecast = forecast_list(found.groups.scaled_to(), self._capacity(), self._store.database.clock.now())
        finally:
            lists.discard(list_id)
            if not lists.counts(self.list_id):
                lists.discard(self.list_id)
        done_at = forecast.done_at and forecast.done_at.replace(microsecond=0).isoformat()
        will = {"done_at": done_at, "will_not_be_called": forecast.not_called}
        planned = summary | {"list_id": self.list_id} | found.summary() | will
        log.info("Nobody was called (dry_run). If the list were called now: %s", planned)
        return planned

    @_failure_recorded
    def dial(self) -> ResumeAt | None:
        """Dial while lines are free and rows are due.

        :return: when to come back; None where every row has its end state.
        """
        options = self._options
        self._store.list_states.dialling(self.list_id)
        self._store.list_progress.record(self.list_id)
        dialer = ListDialer(
            self._store,
            self._dialer,
            self.list_id,
            self._source,
            self._intent,
            self._progress,
            lambda: self._end_ineligible(self.list_id),
            queue=self._queue,
            max_in_flight=options.max_in_flight,
            calls_per_second=options.pace(self._hook.account.limits),
            shortest_deferral=settle_time(),
            stop=self._stop,
        )
        try:
            resume_at = dialer.run()
        except ListStoppedError as error:
            raise AirflowFailException(str(error)) from error
        if resume_at is not None and resume_at.idle_until is not None:
            self._store.list_states.deferred(self.list_id, resume_at.idle_until, resume_at.pause_id)
        self._forecast()
        log.info("%s", describe(self._store, self.list_id))
        return resume_at

    @_failure_recorded
    def finish(self) -> dict[str, Any] | None:
        """Return the summary of a list whose rows all have their end state.

        :return: None if a person has just asked to redial rows.
        :raises AirflowFailException: if a row is unknown, or too many reached nobody.
        """
        list_id = self.list_id
        summary = summarize(self._store, list_id, self._options.redial)
        unknown = self._store.lists.refs(list_id, ["unknown"])
        if unknown:
            raise AirflowFailException(
                f"Of {summary['unknown']} rows of list {list_id} nobody knows whether they were called: "
                f"{', '.join(unknown)}. `airflow voiceinfra calls show {unknown[0]}` says what can be done. {summary}"
            )
        done = summary["rows"] - summary["set_aside"] - summary.get("dropped", 0)
        if done and summary["already_called"] == done:
            log.warning(
                "All rows of list %s are already_called: other lists, runs or tasks with the same key_prefix have "
                "called their keys. If these are new calls, let key_column name them, such as an appointment.",
                list_id,
            )
        failed, most = sum(summary[result] for result in NOT_REACHED), self._options.max_failed_fraction
        if most is not None and failed > most * done:
            raise AirflowFailException(
                f"{failed} of {done} rows of list {list_id} reached nobody, more than max_failed_fraction={most:g}: "
                f"{summary}"
            )
        return summary if self._store.list_states.done(list_id) else None

    def record_failure(self, error: BaseException) -> None:
        """Record why the task fails, unless another try has taken over."""
        if isinstance(error, SupersededImportError):
            return
        # Messages of other errors may contain rows.
        is_safe = isinstance(error, AirflowFailException | VoiceInfraError | ListSourceError | StoreError)
        with suppress(StoreError):
            self._store.list_states.failed(self.list_id, str(error) if is_safe else type(error).__name__)
            self._store.list_progress.record(self.list_id)

    def _call_defaults(self) -> CallDefaults:
        options, give_up_at = self._options, None
        if options.give_up_after is not None:
            give_up_at = Deadlines(self._store).of_task(self._source, options.give_up_after)
        return CallDefaults(
            self._hook.account,
            options.key_prefix or join_parts(self._source.dag_id, self._source.task_id),
            agent_id=options.agent_id,
            from_number=options.from_number,
            first_message=options.first_message,
            context=options.context,
            default_region=options.default_region,
            calling_hours=options.calling_hours,
            max_calls_per_number=options.max_calls_per_number,
            calls_per_second=options.calls_per_second,
            max_minutes=options.max_minutes,
            variants=options.variants,
            give_up_at=give_up_at,
        )

    def _forecast(self) -> None:
        """Record when the list will be done, as far as a sample of its rows says."""
        store, now = self._store, self._store.database.clock.now()
        groups = RowGroups(now)
        for row, due_at in store.forecasts.sample(self.list_id):
            groups.add(self._dialer.claim_request(self._intent(row)).rules, due_at)
        pending = store.list_progress.record(self.list_id).states[RowState.PENDING]
        forecast = forecast_list(groups.scaled_to(pending), self._capacity(), now)
        store.forecasts.record(self.list_id, forecast.done_at, forecast.not_called)

    def _capacity(self) -> Capacity:
        talked = self._store.lists.talked(self.list_id)
        return capacity_of(self._store, self._hook.account, self._options, talked)

    def _intent(self, row: DueRow) -> CallIntent:
        return self._defaults.intent(self.list_id, row, self._source, settle_timeout=self._options.completion_timeout)

    @cached_property
    def _queue(self) -> RowQueue:
        options = self._options
        by_priority = options.order_by_priority is not None
        return RowQueue(self._store, self.list_id, by_priority=by_priority, pilot=options.pilot)

    @cached_property
    def _progress(self) -> Progress:
        options = self._options
        return Progress(
            self._store,
            self.list_id,
            redial=options.redial,
            default_zone=default_zone(options.calling_hours, self._hook.account.limits),
            circuit_breaker=options.circuit_breaker,
            queue=self._queue,
            max_minutes=options.max_minutes,
            give_up_at=self._defaults.give_up_at,
            forecast=self._forecast,
        )

    @cached_property
    def _columns(self) -> ColumnMapping:
        options = self._options
        are_typed = options.sql is not None or is_data_frame(options.calls)
        return ColumnMapping(
            options.column_map,
            options.variable_columns,
            options.metadata_columns,
            options.key_column,
            options.order_by_priority,
            self._defaults.text_columns(),
            are_typed,
        )

    def _rows(self) -> Iterator[NewRow]:
        options = self._options
        if options.sql is None or options.sql_conn_id is None:
            rows = rows_of(options.calls, self._columns)
        else:
            rows = query_rows(options.sql_conn_id, options.sql, self._columns)
        return (self._defaults.read(position, row, self._columns) for position, row in enumerate(rows, 1))

    def _read_into(self, list_id: str) -> None:
        lists, rows, count = self._store.lists, self._rows(), 0
        import_version = lists.begin_import(list_id)
        while batch := list(islice(rows, _AT_ONCE)):
            self._stop.check()
            lists.add(list_id, batch, import_version)
            count += len(batch)
        lists.finish_import(list_id, import_version, self._clear)
        log.info("%d rows are read into list %s.", count, list_id)

    def _check_set_aside(self, list_id: str) -> None:
        counts = self._store.lists.counts(list_id)
        aside = Counter({result: count for (state, result), count in counts.items() if state == "set_aside"})
        total, most = counts.total(), self._options.max_invalid_fraction
        if not aside:
            return
        said = describe_set_aside(self._store, list_id, aside, total)
        if aside.total() > most * total:
            raise AirflowFailException(
                f"{said} That is more than max_invalid_fraction={most:g}, so nobody was called. Fix the source and "
                "clear the task, or allow more."
            )
        log.warning("%s", said)

    def _end_ineligible(self, list_id: str) -> None:
        """Ask again who is to be called: people cancel between the query and the call."""
        options, rows = self._options, self._store.list_rows
        name_of, conn_id = self._defaults.name_of(options.key_column), str(options.sql_conn_id)
        if options.suppress_sql is not None:
            named = first_column(conn_id, "suppress_sql", options.suppress_sql, name_of)
            log.info("%d rows are suppressed.", sum(rows.end_named(list_id, batch, "suppressed") for batch in named))
        if options.eligible_sql is not None:
            named = first_column(conn_id, "eligible_sql", options.eligible_sql, name_of)
            log.info("%d rows are not due any more.", rows.end_others(list_id, named, "not_eligible"))
