"""Calls everybody on a list, as one task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Sized
from dataclasses import fields
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk.exceptions import AirflowFailException

from airflow_provider_voiceinfra import arguments
from airflow_provider_voiceinfra.calls.redial import Redial
from airflow_provider_voiceinfra.completion_wait import DEFAULT_TIMEOUT
from airflow_provider_voiceinfra.deferral import airflow_timeout, resume_after
from airflow_provider_voiceinfra.guard.calling_hours import CallingHours
from airflow_provider_voiceinfra.guard.limits import caps_of
from airflow_provider_voiceinfra.links import CallListPageLink, LinkedOperator
from airflow_provider_voiceinfra.lists.circuit_breaker import CircuitBreaker
from airflow_provider_voiceinfra.lists.column_mapping import read_column_map
from airflow_provider_voiceinfra.lists.variants import Variant, check_variants
from airflow_provider_voiceinfra.openlineage import OpenLineageMixin
from airflow_provider_voiceinfra.operators.private_fields import PrivateFieldsOperator, hidden
from airflow_provider_voiceinfra.operators.stopping import StoppableOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_voiceinfra.operators.list_run import ListRun


class OutboundCallListOperator(LinkedOperator, StoppableOperator, PrivateFieldsOperator, OpenLineageMixin):
    """Calls everybody on a list, each at most once, and succeeds when every row has its end state.

    The rows are read once and kept in the call store. While lines are free a worker dials; while people talk the task
    waits in the triggerer. A killed worker or triggerer resumes where it was. XCom ``list_id`` names the list from the
    start; the task returns a summary of counts.

    :param sql: a query whose rows are called. (templated)
    :param sql_conn_id: a connection to any database of Airflow's common-sql, for all three queries. (templated)
    :param calls: instead of a query, a small list of objects, such as the output of a task. (templated)
    :param column_map: their column by our field, such as ``{"to_number": "phone", "timezone": "tz"}``; the fields are
        ``to_number``, ``agent_id``, ``from_number``, ``first_message``, ``context``, ``timezone``, ``not_before``,
        ``not_after``. ``to_number`` may have several columns, such as ``["mobile", "home"]``, which are called in this
        order: see ``next_number`` of :class:`~airflow_provider_voiceinfra.policies.Redial`; ``key_column`` is required
        then.
    :param variable_columns: columns that are sent to the agent as ``variables``; no other column is.
    :param metadata_columns: columns that stay with the call here; no other column does.
    :param key_column: what names a row: a rerun, a backfill or another list with the same prefix calls nobody again.
        Default: the run and the number.
    :param order_by_priority: a column of numbers: of the rows that are due, those with the highest number are called
        first, and rows without a number last. Default: the order of the source.
    :param key_prefix: before each row's key; default: ``dag_id/task_id``. (templated)
    :param agent_id: where a row names none; default: the connection's. (templated)
    :param from_number: the same. (templated)
    :param first_message: the same. ``{name}`` is filled from the row's column ``name``. (templated)
    :param context: as ``first_message``. (templated)
    :param voiceinfra_conn_id: a connection of type ``voiceinfra``. (templated)
    :param default_region: the country, such as ``US``, of numbers without a country code.
    :param max_in_flight: calls of the list that may be going on at a time.
    :param calls_per_second: at most, such as 5 or 0.2; the connection's limit applies too.
    :param calling_hours: when people may be called, in their local time, such as ``mon-fri 09:00-19:00``; the
        connection's apply too.
    :param max_calls_per_number: how often a callee may be called, such as ``1/24h, 3/7d``, redials included; the
        connection's apply too.
    :param max_minutes: that the calls of the list may talk in all; then nobody is dialled any more, and rows that were
        not called end as ``given_up``. Calls in progress are estimated, and talk to their end.
    :param redial: redial unanswered calls.
    :param completion_timeout: after which a call is overdue, frees its line and is not redialled.
    :param give_up_after: from the first try on, or from a clear; after it nobody is dialled any more, and rows that
        were not called end as ``given_up``.
    :param max_invalid_fraction: of the rows that may be set aside; with more, nobody is called.
    :param max_failed_fraction: of the rows that may end without reaching anybody; with more, the task fails at its
        end.
    :param suppress_sql: a query, run again before each wave, whose first column names rows that are not to be called
        any more: by ``key_column``, else by number. An error there calls nobody. (templated)
    :param eligible_sql: the same, of rows that are still to be called; all others are not any more. (templated)
    :param circuit_breaker: when the list pauses itself; default: ``CircuitBreaker()``.
    :param variants: by name, such as ``{"short": Variant(first_message="Hi."), "long": Variant(weight=2)}``: each row
        gets one by its key, always the same, and the summary compares their results.
    :param pilot: after the calls of this many rows have ended, the list pauses itself, once, until a user resumes it.
    :param dry_run: call nobody, and return what would become of the rows, and when.
    """

    page_link = CallListPageLink()
    number_fields: ClassVar[Sequence[str]] = ("from_number",)
    file_fields: ClassVar[Sequence[str]] = ("sql", "suppress_sql", "eligible_sql")
    text_fields: ClassVar[Sequence[str]] = (
        *file_fields,
        "sql_conn_id",
        "key_prefix",
        "agent_id",
        "first_message",
        "context",
        "voiceinfra_conn_id",
    )
    template_fields: Sequence[str] = (*text_fields, *number_fields, "calls")
    template_ext: Sequence[str] = (".sql",)
    template_fields_renderers: ClassVar[dict[str, str]] = dict.fromkeys(file_fields, "sql")

    def __init__(
        self,
        *,
        sql: str | None = None,
        sql_conn_id: str | None = None,
        calls: Sequence[Mapping[str, Any]] | None = None,
        column_map: Mapping[str, str | Sequence[str]] | None = None,
        variable_columns: Sequence[str] = (),
        metadata_columns: Sequence[str] = (),
        key_column: str | None = None,
        key_prefix: str | None = None,
        order_by_priority: str | None = None,
        agent_id: str | None = None,
        from_number: str | Sequence[str] | None = None,
        first_message: str | None = None,
        context: str | None = None,
        voiceinfra_conn_id: str = "voiceinfra_default",
        default_region: str | None = None,
        max_in_flight: int = 10,
        calls_per_second: float | None = None,
        calling_hours: CallingHours | str | None = None,
        max_calls_per_number: str | None = None,
        max_minutes: int | None = None,
        redial: Redial | None = None,
        completion_timeout: timedelta | float = DEFAULT_TIMEOUT,
        give_up_after: timedelta | float | None = None,
        max_invalid_fraction: float = 0.05,
        max_failed_fraction: float | None = None,
        suppress_sql: str | None = None,
        eligible_sql: str | None = None,
        circuit_breaker: CircuitBreaker | None = None,
        pilot: int | None = None,
        variants: Mapping[str, Variant] | None = None,
        dry_run: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if (sql is None) == (calls is None) or (sql is not None and sql_conn_id is None):
            raise ValueError("give either sql and sql_conn_id, or calls")
        if (suppress_sql or eligible_sql) and sql_conn_id is None:
            raise ValueError("suppress_sql and eligible_sql need an sql_conn_id")
        arguments.strings(
            sql=sql,
            sql_conn_id=sql_conn_id,
            key_column=key_column,
            key_prefix=key_prefix,
            order_by_priority=order_by_priority,
            agent_id=agent_id,
            first_message=first_message,
            context=context,
            voiceinfra_conn_id=voiceinfra_conn_id,
            suppress_sql=suppress_sql,
            eligible_sql=eligible_sql,
        )
        arguments.caller_ids(from_number)
        arguments.rows("calls", calls)
        arguments.region("default_region", default_region)
        arguments.flags(dry_run=dry_run)
        self.sql = sql
        self.sql_conn_id = sql_conn_id
        self.calls = calls
        self.column_map = {} if column_map is None else read_column_map(column_map)
        if key_column is None and not isinstance(self.column_map.get("to_number", ""), str):
            raise ValueError(
                "column_map['to_number'] has several columns, so a key_column is needed: when a number changes, it "
                "tells that the row is still the same person"
            )
        self.variable_columns = arguments.names("variable_columns", variable_columns)
        self.metadata_columns = arguments.names("metadata_columns", metadata_columns)
        self.key_column = key_column
        self.key_prefix = key_prefix
        self.order_by_priority = order_by_priority
        self.agent_id = agent_id
        self.from_number = from_number
        self.first_message = first_message
        self.context = context
        self.voiceinfra_conn_id = voiceinfra_conn_id
        self.default_region = default_region
        self.max_in_flight = arguments.whole_number("max_in_flight", max_in_flight, least=1)
        # As on the connection.
        self.calls_per_second = arguments.optional_number("calls_per_second", calls_per_second, 0.001, 1_000)
        self.calling_hours = CallingHours.of(calling_hours)
        self.max_calls_per_number = caps_of(max_calls_per_number)
        self.max_minutes = None if max_minutes is None else arguments.whole_number("max_minutes", max_minutes, least=1)
        self.redial = arguments.instance("redial", redial, Redial, "Redial(attempts=3)")
        self.completion_timeout = arguments.duration("completion_timeout", completion_timeout)
        self.give_up_after = None if give_up_after is None else arguments.duration("give_up_after", give_up_after)
        self.max_invalid_fraction = arguments.number("max_invalid_fraction", max_invalid_fraction, 0, 1)
        self.max_failed_fraction = arguments.optional_number("max_failed_fraction", max_failed_fraction, 0, 1)
        self.suppress_sql = suppress_sql
        self.eligible_sql = eligible_sql
        self.circuit_breaker = arguments.instance(
            "circuit_breaker", circuit_breaker, CircuitBreaker, "CircuitBreaker(consecutive_failed=20)"
        )
        self.variants = {} if variants is None else check_variants(variants)
        self.pilot = None if pilot is None else arguments.whole_number("pilot", pilot, least=1)
        self.is_dry_run = dry_run

    def execute(self, context: Context) -> dict[str, Any]:
        """Read the rows, if they are not read yet, and dial; or say what would happen."""
        from airflow_provider_voiceinfra.errors import InvalidCallError

        try:
            run = self._run(context)
            context["ti"].xcom_push(key="list_id", value=run.list_id)
            if self.is_dry_run:
                return run.dry_run()
            run.read()
        except InvalidCallError as error:
            raise AirflowFailException(str(error)) from error
        return self._dial(run)

    def execute_wave(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002 - Airflow gives it
        """Dial on: lines are free, or it is time."""
        return self._dial(self._run(context))

    def _run(self, context: Context) -> ListRun:
        from airflow_provider_voiceinfra.operators.list_options import ListOptions
        from airflow_provider_voiceinfra.operators.list_run import ListRun

        values = vars(self) | self.rendered_fields()
        options: dict[str, Any] = {field.name: values[field.name] for field in fields(ListOptions)}
        return ListRun(ListOptions(**options), context, self._voiceinfra_stop)

    def _dial(self, run: ListRun) -> dict[str, Any]:
        from airflow_provider_voiceinfra.triggers.call_list import CallListTrigger

        resume_at = run.dial()
        if resume_at is not None:
            self.log.info("%s", resume_at.describe(run.list_id))
            until = resume_at.until.isoformat()
            self.defer(
                trigger=CallListTrigger(run.list_id, until, resume_at.ended_calls, resume_at.pause_id, resume_after()),
                method_name="execute_wave",
                timeout=airflow_timeout(resume_at.until),
            )
        summary = run.finish()
        return self._dial(run) if summary is None else summary

    def masked(self, rendered: Mapping[str, Any]) -> dict[str, Any]:
        """Show how many rows there are, and which of the other fields are set."""
        calls = rendered["calls"]
        rows = f"{len(calls)} rows" if isinstance(calls, Sized) and not isinstance(calls, str) else hidden(calls)
        return {name: hidden(rendered[name]) for name in ("from_number", "first_message", "context")} | {"calls": rows}
