"""The tables of the call store. Times are UTC; names are prefixed, so that a database may be shared."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.base import ReadOnlyColumnCollection

SCHEMA_VERSION = "0001"
"""The newest migration, which this version of the package uses."""

VERSION_TABLE = "voiceinfra_schema_version"

NUMBER_END = "substr(to_number, length(to_number) - 3)"
"""The last four digits of a number, as the index defines them."""

IS_ANSWERED = "outcome = 'answered' AND duration_seconds IS NOT NULL"
"""Calls whose duration is known, as the index defines them."""

HAS_NUMBER = "state NOT IN ('set_aside', 'dropped')"
"""Rows of a list whose numbers must be unique, as the index defines them."""


class UtcDateTime(sa.TypeDecorator[datetime]):
    """An aware datetime, stored as UTC on SQLite, which has no time zones."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002
        """Reject a time without a zone, which would be ambiguous."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("cannot store a time without a time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002
        """Return UTC on every database."""
        if value is None:
            return None
        time: datetime = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        return time


# SQLite generates ids only if the key's type is exactly INTEGER.
BigId = sa.BigInteger().with_variant(sa.Integer, "sqlite")
Json = sa.JSON().with_variant(postgresql.JSONB, "postgresql")

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def same_intent(
    one: ReadOnlyColumnCollection[str, Any], other: ReadOnlyColumnCollection[str, Any]
) -> sa.ColumnElement[bool]:
    """Return the condition that two calls are of one intent: a first call and its redials."""
    return sa.and_(*(one[name] == other[name] for name in ("environment", "realm", "base_key_hash")))


def _partial_index(name: str, *columns: str | sa.TextClause, where: str, unique: bool = False) -> sa.Index:
    """Return an index of the rows for which a condition is true."""
    return sa.Index(name, *columns, unique=unique, sqlite_where=sa.text(where), postgresql_where=sa.text(where))


store = sa.Table(
    "voiceinfra_store",
    metadata,
    # Identifies the store: a retry that finds another store than the first try must not dial.
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("created_at", UtcDateTime, nullable=False),
)

call = sa.Table(
    "voiceinfra_call",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("ref", sa.String(32), nullable=False, unique=True),
    sa.Column("environment", sa.String(64), nullable=False),
    # Live or sandbox: keys of the two realms never conflict.
    sa.Column("realm", sa.String(8), nullable=False),
    # The API host: all calls of a key are placed at the same one.
    sa.Column("host", sa.String(255), nullable=False),
    sa.Column("key_hash", sa.String(64), nullable=False),
    # The hash of the key without clear and attempt, which all calls of one intent share.
    sa.Column("base_key_hash", sa.String(64), nullable=False),
    sa.Column("key_label", sa.Text, nullable=False),
    # Whether the user chose the key, so that it does not identify a task.
    sa.Column("own_key", sa.Boolean, nullable=False),
    # At most one call per key was or may have been placed, so at most one row per key is active. A released, rejected
    # or not-placed call releases its key and stays for the record.
    sa.Column("key_active", sa.Boolean, nullable=False),
    sa.Column("conn_id", sa.String(250), nullable=False),
    sa.Column("webhook_conn_id", sa.String(250), nullable=False),
    sa.Column("dag_id", sa.String(250)),
    sa.Column("run_id", sa.String(250)),
    # The run's logical date if it has one, else its id: a run that was deleted and recreated is the same.
    sa.Column("logical_run", sa.String(250)),
    sa.Column("task_id", sa.String(250)),
    sa.Column("map_index", sa.Integer, nullable=False),
    sa.Column("generation", sa.Integer, nullable=False),
    # 1, or more for a redial; all attempts have the same base key.
    sa.Column("attempt", sa.Integer, nullable=False, server_default="1"),
    sa.Column("list_id", sa.String(32)),
    # Of its list.
    sa.Column("variant", sa.String(64)),
    sa.Column("agent_id", sa.String(255), nullable=False),
    sa.Column("from_number", sa.String(16), nullable=False),
    sa.Column("to_number", sa.String(16), nullable=False),
    sa.Column("request", Json, nullable=False),
    sa.Column("fingerprint", Json, nullable=False),
    sa.Column("metadata", Json, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("owner", sa.String(32), nullable=False),
    # The process that claimed it; NULL once that process itself has given it up as unknown.
    sa.Column("worker", sa.String(16)),
    sa.Column("claimed_at", UtcDateTime, nullable=False),
    sa.Column("claim_expires_at", UtcDateTime, nullable=False),
    # How many send permits its owner was granted: 0 means that nothing was sent.
    sa.Column("permits", sa.Integer, nullable=False),
    # Until when a completion may settle it if the answer was lost.
    sa.Column("deadline", UtcDateTime, nullable=False),
    sa.Column("call_id", sa.String(255)),
    sa.Column("queued_at", UtcDateTime),
    sa.Column("error_code", sa.String(64)),
    sa.Column("error_message", sa.Text),
    sa.Column("completion_id", BigId, sa.ForeignKey("voiceinfra_completion.id")),
    sa.Column("outcome", sa.String(64)),
    sa.Column("completed_at", UtcDateTime),
    # The hour in which the conversation began, and its duration, which the overview sums up.
    sa.Column("start_hour", UtcDateTime),
    sa.Column("duration_seconds", sa.Integer),
    # What was extracted from it, once that is read: whether its goal was met, when the callee is called back, and
    # whether they asked for a time that is not used.
    sa.Column("goal", sa.String(16)),
    sa.Column("callback_at", UtcDateTime),
    sa.Column("callback_ignored", sa.Boolean),
    # The rule of the guard that blocks or defers it; until when, or for which pause.
    sa.Column("rule", sa.String(32)),
    sa.Column("wait_until", UtcDateTime),
    sa.Column("pause_id", BigId),
    # The day on which it is counted against the limits per day of its connection.
    sa.Column("counted_on", sa.String(10)),
    # Where minutes are limited: how long it may talk, as it was claimed, and what was counted since it has ended.
    sa.Column("estimated_seconds", sa.Integer),
    sa.Column("talked_seconds", sa.Integer, nullable=False, server_default="0"),
    # Who asked for a redial after it, if anybody: only then does one follow a call that is overdue.
    sa.Column("redial_asked_by", sa.String(255)),
    # When its number and content were removed; a hash of the number stays.
    sa.Column("purged_at", UtcDateTime),
    sa.Column("number_hash", sa.String(64)),
    _partial_index("uq_voiceinfra_call_key", "environment", "realm", "key_hash", unique=True, where="key_active"),
    sa.Index(None, "call_id"),
    sa.Index(None, "environment", "realm", "base_key_hash"),
    sa.Index(None, "dag_id", "logical_run", "task_id"),
    _partial_index("ix_voiceinfra_call_open", "to_number", where="state IN ('claimed', 'unknown')"),
    sa.Index(None, "state", "environment", "claimed_at"),
    _partial_index(
        "ix_voiceinfra_call_in_flight",
        "environment",
        "conn_id",
        "realm",
        "deadline",
        # What the guard sums up.
        "counted_on",
        "list_id",
        "estimated_seconds",
        where="state IN ('claimed', 'queued', 'unknown')",
    ),
    # For the median duration of an agent's last calls.
    _partial_index(
        "ix_voiceinfra_call_answered",
        "environment",
        "realm",
        "agent_id",
        "completed_at",
        "duration_seconds",
        where=IS_ANSWERED,
    ),
    sa.Index(None, "to_number", "claimed_at"),
    # For searching by the last digits of a number.
    sa.Index("ix_voiceinfra_call_number_end", sa.text(NUMBER_END), "claimed_at"),
    _partial_index("ix_voiceinfra_call_number_hash", "number_hash", "claimed_at", where="number_hash IS NOT NULL"),
    sa.Index(None, "environment", "claimed_at"),
    sa.Index(None, "environment", "dag_id", "claimed_at"),
    _partial_index(
        "ix_voiceinfra_call_list_id",
        "list_id",
        # For paging in this order.
        "id",
        where="list_id IS NOT NULL",
    ),
    # Tells whether a list has variants.
    _partial_index("ix_voiceinfra_call_variant", "list_id", where="variant IS NOT NULL"),
    # Covers everything that the overview reads, in the order in which it is summed up.
    _partial_index(
        "ix_voiceinfra_call_overview",
        "environment",
        "start_hour",
        "outcome",
        "dag_id",
        "agent_id",
        "list_id",
        "duration_seconds",
        where="start_hour IS NOT NULL",
    ),
    _partial_index("ix_voiceinfra_call_waiting", "environment", where="state = 'waiting'"),
)

call_metadata = sa.Table(
    "voiceinfra_call_metadata",
    metadata,
    # The hash of a key of the call's metadata and its value.
    sa.Column("pair", sa.String(32), primary_key=True),
    # Not a foreign key, whose check would slow down each claim: calls are never deleted.
    sa.Column("call", BigId, primary_key=True, autoincrement=False, index=True),
    sqlite_with_rowid=False,
)

call_event = sa.Table(
    "voiceinfra_call_event",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("call", BigId, sa.ForeignKey("voiceinfra_call.id"), nullable=False, index=True),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("kind", sa.String(32), nullable=False),
    # The person who did it, if any.
    sa.Column("actor", sa.String(255)),
    sa.Column("detail", Json, nullable=False),
    # For finding changes since a time; grows only at its end.
    sa.Index(None, "at", "id"),
)

call_requester = sa.Table(
    "voiceinfra_call_requester",
    metadata,
    # A task that has requested a call since one of its clears without getting the claim: its retries get the same
    # answer, whatever has changed since.
    sa.Column("call", BigId, sa.ForeignKey("voiceinfra_call.id"), primary_key=True, autoincrement=False),
    sa.Column("dag_id", sa.String(250), primary_key=True),
    sa.Column("logical_run", sa.String(250), primary_key=True),
    sa.Column("task_id", sa.String(250), primary_key=True),
    sa.Column("map_index", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("generation", sa.Integer, primary_key=True, autoincrement=False),
)

completion = sa.Table(
    "voiceinfra_completion",
    metadata,
    # Ascending in the order of arrival.
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("webhook_conn_id", sa.String(250), nullable=False),
    sa.Column("call_id", sa.String(255), nullable=False),
    # The digest of the signed body.
    sa.Column("digest", sa.LargeBinary, nullable=False),
    # False for a completion with another number than its call's, and for a second, different body for the same call:
    # kept, without effect.
    sa.Column("first", sa.Boolean, nullable=False),
    sa.Column("received_at", UtcDateTime, nullable=False),
    sa.Column("outcome", sa.String(64), nullable=False),
    # From the webhook, if it has them.
    sa.Column("start_time", UtcDateTime),
    sa.Column("duration_seconds", sa.Integer),
    # If the callee asked not to be called again: how their number is kept, as a number or as a hash.
    sa.Column("opt_out", sa.String(8)),
    # The parties, from the webhook; all other content is in the body.
    sa.Column("agent_id", sa.String(255)),
    sa.Column("from_number", sa.String(64)),
    sa.Column("to_number", sa.String(64)),
    # The signed bytes; empty once purged, and never stored again.
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("redeliveries", sa.Integer, nullable=False, server_default="0"),
    sa.Column("last_redelivered_at", UtcDateTime),
    sa.UniqueConstraint("call_id", "webhook_conn_id", "digest"),
    # Grows only at its end: an index by number alone would cost each completion a page of its own.
    sa.Index(None, "received_at", "to_number"),
    # Ids are never reused, not even after the newest row was deleted.
    sqlite_autoincrement=True,
)

disputed_call_id = sa.Table(
    "voiceinfra_disputed_call_id",
    metadata,
    # A call_id in the answers to more than one POST: only a person can find out which call it belongs to.
    sa.Column("call_id", sa.String(255), primary_key=True),
    sa.Column("webhook_conn_id", sa.String(250), primary_key=True),
)

quarantine = sa.Table(
    "voiceinfra_quarantine",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("webhook_conn_id", sa.String(250), nullable=False),
    sa.Column("digest", sa.LargeBinary, nullable=False),
    sa.Column("received_at", UtcDateTime, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.UniqueConstraint("webhook_conn_id", "digest"),
)

rejected_webhook = sa.Table(
    "voiceinfra_rejected_webhook",
    metadata,
    # The number of webhooks per hour that were rejected because of their signature: explains why none arrive.
    sa.Column("webhook_conn_id", sa.String(250), primary_key=True),
    sa.Column("hour", UtcDateTime, primary_key=True),
    sa.Column("count", sa.Integer, nullable=False),
)

forward = sa.Table(
    "voiceinfra_forward",
    metadata,
    # A verified webhook that another environment has not accepted yet.
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("headers", Json, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("received_at", UtcDateTime, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("next_at", UtcDateTime, nullable=False),
    sa.Index(None, "url", "next_at"),
)

pause = sa.Table(
    "voiceinfra_pause",
    metadata,
    # No call in its scope is placed until it ends.
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("environment", sa.String(64), nullable=False),
    # One of: all, connection, agent, dag, list; and its name.
    sa.Column("scope", sa.String(16), nullable=False),
    sa.Column("name", sa.String(255), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("paused_at", UtcDateTime, nullable=False),
    sa.Column("paused_by", sa.String(255), nullable=False),
    # When it ends by itself.
    sa.Column("ends_at", UtcDateTime),
    sa.Column("resumed_at", UtcDateTime),
    sa.Column("resumed_by", sa.String(255)),
    # Whether the calls that waited for it were cancelled.
    sa.Column("cancelled", sa.Boolean),
    _partial_index("ix_voiceinfra_pause_in_force", "environment", where="resumed_at IS NULL"),
)

do_not_call = sa.Table(
    "voiceinfra_do_not_call",
    metadata,
    sa.Column("number_hash", sa.String(64), primary_key=True),
    # None if only the hash is kept.
    sa.Column("number", sa.String(16)),
    sa.Column("added_at", UtcDateTime, nullable=False),
    sa.Column("added_by", sa.String(255), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Index(None, "added_at"),
)

do_not_call_event = sa.Table(
    "voiceinfra_do_not_call_event",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("number_hash", sa.String(64), nullable=False, index=True),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("action", sa.String(16), nullable=False),
    sa.Column("actor", sa.String(255), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
)

budget = sa.Table(
    "voiceinfra_budget",
    metadata,
    # How much of its limits a connection or a list has used. A claim under a limit locks its row.
    sa.Column("environment", sa.String(64), primary_key=True),
    sa.Column("realm", sa.String(8), primary_key=True),
    sa.Column("name", sa.String(250), primary_key=True),
    sa.Column("day", sa.String(10), nullable=False),
    sa.Column("calls", sa.Integer, nullable=False),
    # Of the day's completed calls, or of the list's; NULL where minutes are not limited.
    sa.Column("talked_seconds", sa.BigInteger),
    # The next send slot, by calls_per_second.
    sa.Column("next_at", UtcDateTime, nullable=False),
)

call_list = sa.Table(
    "voiceinfra_call_list",
    metadata,
    # The same for all tries and clears of its task.
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("environment", sa.String(64), nullable=False),
    sa.Column("dag_id", sa.String(250), nullable=False),
    sa.Column("run_id", sa.String(250), nullable=False),
    sa.Column("task_id", sa.String(250), nullable=False),
    sa.Column("map_index", sa.Integer, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    # The number of imports that were started, and the generation that has imported all rows; NULL before.
    sa.Column("import_version", sa.Integer, nullable=False),
    sa.Column("imported_generation", sa.Integer),
    # Until when none of its calls are sent, because VoiceInfra asked to wait or could not be reached.
    sa.Column("resume_at", UtcDateTime),
    # How far its task has come: why it failed, until when it waits, and the pause that it waits for.
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("state_reason", sa.Text),
    sa.Column("deferred_until", UtcDateTime),
    sa.Column("pause_id", BigId),
    # When its task expects it to be done, and how many rows will not be called until then.
    sa.Column("forecast_done_at", UtcDateTime),
    sa.Column("forecast_not_called", sa.Integer),
    # How far its task has seen it come, for pages that show many lists; NULL before.
    sa.Column("progress", sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")),
    # Who ended a pause of it with its waiting rows cancelled, since its rows were read.
    sa.Column("cancelled_by", sa.String(255)),
    # When it was paused after its pilot: it has no second one.
    sa.Column("pilot_ended_at", UtcDateTime),
    sa.Index(None, "environment", "created_at"),
)

call_list_row = sa.Table(
    "voiceinfra_call_list_row",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("list_id", sa.String(32), sa.ForeignKey("voiceinfra_call_list.id"), nullable=False),
    # The row's position in the source, from 1.
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("key_hash", sa.String(64), nullable=False),
    # The user's own key, if any.
    sa.Column("key", sa.Text),
    # At which it is called, or was called last.
    sa.Column("to_number", sa.String(16), nullable=False),
    # All its numbers, where it has several, and the index of the one to call next; NULL to stay with to_number, because
    # the callee has answered there.
    sa.Column("numbers", Json, nullable=False),
    sa.Column("next_number", sa.Integer),
    # The other fields of the call, and its constraints.
    sa.Column("fields", Json, nullable=False),
    sa.Column("metadata", Json, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    # How the row ended, or why it was set aside.
    sa.Column("result", sa.String(64)),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("due_at", UtcDateTime, nullable=False),
    # What orders the rows that are due: NULL for none, and in the second column also while the row is not due, so that
    # the query of due rows passes over none that wait.
    sa.Column("priority", sa.Float),
    sa.Column("due_priority", sa.Float),
    # True if it is one of the rows that are called first; else NULL.
    sa.Column("in_pilot", sa.Boolean),
    # True if a pause of its list was ended with --cancel before the row had ended for good; else NULL.
    sa.Column("cancelled", sa.Boolean),
    # The ref of its latest call.
    sa.Column("call_ref", sa.String(32)),
    sa.Column("ended_at", UtcDateTime),
    # The last eligibility check that included it.
    sa.Column("seen_by", sa.String(16)),
    # The last import that included it.
    sa.Column("import_version", sa.Integer, nullable=False),
    sa.UniqueConstraint("list_id", "key_hash"),
    _partial_index("uq_voiceinfra_call_list_row_number", "list_id", "to_number", unique=True, where=HAS_NUMBER),
    # Also orders rows that are due at once, as when calling hours open.
    sa.Index(None, "list_id", "state", "due_at", "id"),
    # Counts the rows of a long list without reading them, and pages those of a result.
    sa.Index(None, "list_id", "state", "result", "due_at", "id"),
    _partial_index(
        "ix_voiceinfra_call_list_row_due_priority",
        "list_id",
        "state",
        sa.text("due_priority DESC"),
        "due_at",
        "id",
        where="due_priority IS NOT NULL",
    ),
    _partial_index(
        "ix_voiceinfra_call_list_row_waiting_priority",
        "list_id",
        "state",
        "due_at",
        where="priority IS NOT NULL AND due_priority IS NULL",
    ),
    _partial_index("ix_voiceinfra_call_list_row_pilot", "list_id", where="in_pilot IS NOT NULL"),
    sa.Index(None, "list_id", "ended_at"),
)

wait = sa.Table(
    "voiceinfra_wait",
    metadata,
    # One deadline for each waiting task and clear: retries share it.
    sa.Column("environment", sa.String(64), primary_key=True),
    sa.Column("dag_id", sa.String(250), primary_key=True),
    sa.Column("run_id", sa.String(250), primary_key=True),
    sa.Column("task_id", sa.String(250), primary_key=True),
    sa.Column("map_index", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("generation", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("attempt", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("deadline", UtcDateTime, nullable=False),
)


completed_call = sa.Table(
    "voiceinfra_completed_call",
    metadata,
    # One row whenever a call becomes completed, or a completion arrives that belongs to no call here.
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    # One of the two. Not foreign keys, whose checks would slow down each completion: neither is ever deleted.
    sa.Column("call", BigId),
    sa.Column("completion", BigId),
    sa.Column("at", UtcDateTime, nullable=False),
    # Assigned by the first reader, after the commit, so that the order is the same for all readers.
    sa.Column("position", sa.BigInteger),
    _partial_index("ix_voiceinfra_completed_call_new", "id", where="position IS NULL"),
    _partial_index("ix_voiceinfra_completed_call_completion", "completion", where="completion IS NOT NULL"),
    _partial_index("uq_voiceinfra_completed_call_place", "position", unique=True, where="position IS NOT NULL"),
)

cursor = sa.Table(
    "voiceinfra_cursor",
    metadata,
    # How far a named reader has read completed calls.
    sa.Column("environment", sa.String(64), primary_key=True),
    sa.Column("name", sa.String(250), primary_key=True),
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Column("moved_at", UtcDateTime, nullable=False),
)


def insert(tx: sa.Connection, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
    """Return an insert that supports ``ON CONFLICT``, whose syntax is the same on both databases."""
    return sqlite.insert(table) if tx.dialect.name == "sqlite" else postgresql.insert(table)
