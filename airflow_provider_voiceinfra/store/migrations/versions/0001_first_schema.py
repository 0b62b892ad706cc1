"""The first schema: calls and what happened to them, completions, what the guard knows."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None

_BIG_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_JSON = sa.JSON().with_variant(postgresql.JSONB, "postgresql")


def upgrade() -> None:
    """Create every table."""
    op.create_table(
        "voiceinfra_completion",
        sa.Column("id", _BIG_ID, autoincrement=True, nullable=False),
        sa.Column("webhook_conn_id", sa.String(length=250), nullable=False),
        sa.Column("call_id", sa.String(length=255), nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("first", sa.Boolean, nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("outcome", sa.String(length=64), nullable=False),
        sa.Column("start_time", sa.DateTime(timezone=True)),
        sa.Column("duration_seconds", sa.Integer),
        sa.Column("opt_out", sa.String(length=8)),
        sa.Column("agent_id", sa.String(length=255)),
        sa.Column("from_number", sa.String(length=64)),
        sa.Column("to_number", sa.String(length=64)),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("redeliveries", sa.Integer, nullable=False, server_default="0"),
        sa.Column("last_redelivered_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id", name="pk_voiceinfra_completion"),
        sa.UniqueConstraint(
            "call_id", "webhook_conn_id", "digest", name="uq_voiceinfra_completion_call_id_webhook_conn_id_digest"
        ),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_voiceinfra_completion_received_at_to_number",
        "voiceinfra_completion",
        ["received_at", "to_number"],
        unique=False,
    )
    op.create_table(
        "voiceinfra_disputed_call_id",
        sa.Column("call_id", sa.String(length=255), nullable=False),
        sa.Column("webhook_conn_id", sa.String(length=250), nullable=False),
        sa.PrimaryKeyConstraint("call_id", "webhook_conn_id", name="pk_voiceinfra_disputed_call_id"),
    )
    op.create_table(
        "voiceinfra_quarantine",
        sa.Column("id", _BIG_ID, autoincrement=True, nullable=False),
        sa.Column("webhook_conn_id", sa.String(length=250), nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_voiceinfra_quarantine"),
        sa.UniqueConstraint("webhook_conn_id", "digest", name="uq_voiceinfra_quarantine_webhook_conn_id_digest"),
    )
    op.create_table(
        "voiceinfra_rejected_webhook",
        sa.Column("webhook_conn_id", sa.String(length=250), nullable=False),
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False),
        sa.Column("count", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("webhook_conn_id", "hour", name="pk_voiceinfra_refusal"),
    )
    op.create_table(
        "voiceinfra_forward",
        sa.Column("id", _BIG_ID, autoincrement=True, nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("headers", _JSON, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_voiceinfra_forward"),
    )
    op.create_index("ix_voiceinfra_forward_url_next_at", "voiceinfra_forward", ["url", "next_at"], unique=False)
    op.create_table(
        "voiceinfra_store",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_voiceinfra_store"),
    )
    op.create_table(
        "voiceinfra_wait",
        sa.Column("environment", sa.String(length=64), nullable=False),
        sa.Column("dag_id", sa.String(length=250), nullable=False),
        sa.Column("run_id", sa.String(length=250), nullable=False),
        sa.Column("task_id", sa.String(length=250), nullable=False),
        sa.Column("map_index", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("generation", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("attempt", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("deadline", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint(
            "environment",
            "dag_id",
            "run_id",
            "task_id",
            "map_index",
            "generation",
            "attempt",
            name="pk_voiceinfra_wait",
        ),
    )
    op.create_table(
        "voiceinfra_pause",
        sa.Column("id", _BIG_ID, autoincrement=True, nullable=False),
        sa.Column("environment", sa.String(length=64), nullable=False),
        sa.Column("scope", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("paused_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("paused_by", sa.String(length=255), nullable=False),
        sa.Column("resumed_at", sa.DateTime(timezone=True)),
        sa.Column("resumed_by", sa.String(length=255)),
        sa.Column("cancelled", sa.Boolean),
        sa.PrimaryKeyConstraint("id", name="pk_voiceinfra_pause"),
    )
    op.create_index(
        "ix_voiceinfra_pause_in_force",
        "voiceinfra_pause",
        ["environment"],
        unique=False,
        sqlite_where=sa.text("resumed_at IS NULL"),
        postgresql_where=sa.text("resumed_at IS NULL"),
    )
    op.create_table(
        "voiceinfra_do_not_call",
        sa.Column("number_hash", sa.String(length=64), nullable=False),
        sa.Column("number", sa.String(length=16)),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("added_by", sa.String(length=255), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("number_hash", name="pk_voiceinfra_do_not_call"),
    )
    op.create_table(
        "voiceinfra_do_not_call_event",
        sa.Column("id", _BIG_ID, autoincrement=True, nullable=False),
        sa.Column("number_hash", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("action", sa.String(length=16), nullable=False),
        sa.Column("actor", sa.String(length=255), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_voiceinfra_do_not_call_event"),
    )
    op.create_index(
        "ix_voiceinfra_do_not_call_event_number_hash", "voiceinfra_do_not_call_event", ["number_hash"], unique=False
    )
    op.create_table(
        "voiceinfra_budget",
        sa.Column("environment", sa.String(length=64), nullable=False),
        sa.Column("realm", sa.String(length=8), nullable=False),
        sa.Column("name", sa.String(length=250), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("calls", sa.Integer, nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("environment", "realm", "name", name="pk_voiceinfra_budget"),
    )
    op.create_table(
        "voiceinfra_call_list",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("environment", sa.String(length=64), nullable=False),
        sa.Column("dag_id", sa.String(length=250), nullable=False),
        sa.Column("run_id", sa.String(length=250), nullable=False),
        sa.Column("task_id", sa.String(length=250), nullable=False),
        sa.Column("map_index", sa.Integer, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("import_version", sa.Integer, nullable=False),
        sa.Column("imported_generation", sa.Integer),
        sa.Column("resume_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id", name="pk_voiceinfra_call_list"),
    )
    op.create_index(
        "ix_voiceinfra_call_list_environment_created_at",
        "voiceinfra_call_list",
        ["environment", "created_at"],
        unique=False,
    )
    op.create_table(
        "voiceinfra_call_list_row",
        sa.Column("id", _BIG_ID, autoincrement=True, nullable=False),
        sa.Column("list_id", sa.String(length=32), nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("key_hash", sa.String(length=64), nullable=False),
        sa.Column("key", sa.Text),
        sa.Column("to_number", sa.String(length=16), nullable=False),
        sa.Column("fields", _JSON, nullable=False),
        sa.Column("metadata", _JSON, nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("result", sa.String(length=64)),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("call_ref", sa.String(length=32)),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.Column("seen_by", sa.String(length=16)),
        sa.Column("import_version", sa.Integer, nullable=False),
        sa.ForeignKeyConstraint(["list_id"], ["voiceinfra_call_list.id"], name="fk_voiceinfra_call_list_row_list_id"),
        sa.PrimaryKeyConstraint("id", name="pk_voiceinfra_call_list_row"),
        sa.UniqueConstraint("list_id", "key_hash", name="uq_voiceinfra_call_list_row_list_id_key_hash"),
    )
    op.create_index(
        "uq_voiceinfra_call_list_row_number",
        "voiceinfra_call_list_row",
        ["list_id", "to_number"],
        unique=True,
        sqlite_where=sa.text("state NOT IN ('set_aside', 'dropped')"),
        postgresql_where=sa.text("state NOT IN ('set_aside', 'dropped')"),
    )
    op.create_index(
        "ix_voiceinfra_call_list_row_list_id_state_due_at_id",
        "voiceinfra_call_list_row",
        ["list_id", "state", "due_at", "id"],
        unique=False,
    )
    op.create_index(
        "ix_voiceinfra_call_list_row_list_id_ended_at",
        "voiceinfra_call_list_row",
        ["list_id", "ended_at"],
        unique=False,
    )
    op.create_table(
        "voiceinfra_call",
        sa.Column("id", _BIG_ID, autoincrement=True, nullable=False),
        sa.Column("ref", sa.String(length=32), nullable=False),
        sa.Column("environment", sa.String(length=64), nullable=False),
        sa.Column("realm", sa.String(length=8), nullable=False),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("key_hash", sa.String(length=64), nullable=False),
        sa.Column("base_key_hash", sa.String(length=64), nullable=False),
        sa.Column("key_label", sa.Text, nullable=False),
        sa.Column("own_key", sa.Boolean, nullable=False),
        sa.Column("key_active", sa.Boolean, nullable=False),
        sa.Column("conn_id", sa.String(length=250), nullable=False),
        sa.Column("webhook_conn_id", sa.String(length=250), nullable=False),
        sa.Column("dag_id", sa.String(length=250)),
        sa.Column("run_id", sa.String(length=250)),
        sa.Column("logical_run", sa.String(length=250)),
        sa.Column("task_id", sa.String(length=250)),
        sa.Column("map_index", sa.Integer, nullable=False),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False, server_default="1"),
        sa.Column("list_id", sa.String(length=32)),
        sa.Column("agent_id", sa.String(length=255), nullable=False),
        sa.Column("from_number", sa.String(length=16), nullable=False),
        sa.Column("to_number", sa.String(length=16), nullable=False),
        sa.Column("request", _JSON, nullable=False),
        sa.Column("fingerprint", _JSON, nullable=False),
        sa.Column("metadata", _JSON, nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("owner", sa.String(length=32), nullable=False),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("claim_expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("permits", sa.Integer, nullable=False),
        sa.Column("deadline", sa.DateTime(timezone=True), nullable=False),
        sa.Column("call_id", sa.String(length=255)),
        sa.Column("queued_at", sa.DateTime(timezone=True)),
        sa.Column("error_code", sa.String(length=64)),
        sa.Column("error_message", sa.Text),
        sa.Column("completion_id", _BIG_ID),
        sa.Column("outcome", sa.String(length=64)),
        sa.Column("completed_at", sa.DateTime(timezone=True)),
        sa.Column("start_hour", sa.DateTime(timezone=True)),
        sa.Column("duration_seconds", sa.Integer),
        sa.Column("rule", sa.String(length=32)),
        sa.Column("wait_until", sa.DateTime(timezone=True)),
        sa.Column("pause_id", _BIG_ID),
        sa.Column("counted_on", sa.String(length=10)),
        sa.Column("purged_at", sa.DateTime(timezone=True)),
        sa.Column("number_hash", sa.String(length=64)),
        sa.ForeignKeyConstraint(
            ["completion_id"], ["voiceinfra_completion.id"], name="fk_voiceinfra_call_completion_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_voiceinfra_call"),
        sa.UniqueConstraint("ref", name="uq_voiceinfra_call_ref"),
    )
    op.create_index("ix_voiceinfra_call_call_id", "voiceinfra_call", ["call_id"], unique=False)
    op.create_index(
        "ix_voiceinfra_call_dag_id_logical_run_task_id",
        "voiceinfra_call",
        ["dag_id", "logical_run", "task_id"],
        unique=False,
    )
    op.create_index(
        "ix_voiceinfra_call_environment_realm_base_key_hash",
        "voiceinfra_call",
        ["environment", "realm", "base_key_hash"],
        unique=False,
    )
    op.create_index(
        "ix_voiceinfra_call_open",
        "voiceinfra_call",
        ["to_number"],
        unique=False,
        sqlite_where=sa.text("state IN ('claimed', 'unknown')"),
        postgresql_where=sa.text("state IN ('claimed', 'unknown')"),
    )
    op.create_index(
        "ix_voiceinfra_call_overview",
        "voiceinfra_call",
        ["environment", "start_hour", "outcome", "dag_id", "duration_seconds"],
        unique=False,
        sqlite_where=sa.text("start_hour IS NOT NULL"),
        postgresql_where=sa.text("start_hour IS NOT NULL"),
    )
    op.create_index(
        "ix_voiceinfra_call_in_flight",
        "voiceinfra_call",
        ["environment", "conn_id", "deadline"],
        unique=False,
        sqlite_where=sa.text("state IN ('claimed', 'queued', 'unknown')"),
        postgresql_where=sa.text("state IN ('claimed', 'queued', 'unknown')"),
    )
    op.create_index(
        "ix_voiceinfra_call_list_id",
        "voiceinfra_call",
        ["list_id", "id"],
        unique=False,
        sqlite_where=sa.text("list_id IS NOT NULL"),
        postgresql_where=sa.text("list_id IS NOT NULL"),
    )
    op.create_index(
        "ix_voiceinfra_call_number_hash",
        "voiceinfra_call",
        ["number_hash", "claimed_at"],
        unique=False,
        sqlite_where=sa.text("number_hash IS NOT NULL"),
        postgresql_where=sa.text("number_hash IS NOT NULL"),
    )
    op.create_index(
        "ix_voiceinfra_call_to_number_claimed_at", "voiceinfra_call", ["to_number", "claimed_at"], unique=False
    )
    op.create_index(
        "ix_voiceinfra_call_number_end",
        "voiceinfra_call",
        [sa.text("substr(to_number, length(to_number) - 3)"), "claimed_at"],
        unique=False,
    )
    op.create_index(
        "ix_voiceinfra_call_waiting",
        "voiceinfra_call",
        ["environment"],
        unique=False,
        sqlite_where=sa.text("state = 'waiting'"),
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_index(
        "ix_voiceinfra_call_environment_claimed_at", "voiceinfra_call", ["environment", "claimed_at"], unique=False
    )
    op.create_index(
        "ix_voiceinfra_call_environment_dag_id_claimed_at",
        "voiceinfra_call",
        ["environment", "dag_id", "claimed_at"],
        unique=False,
    )
    op.create_index(
        "ix_voiceinfra_call_state_environment_claimed_at",
        "voiceinfra_call",
        ["state", "environment", "claimed_at"],
        unique=False,
    )
    op.create_index(
        "uq_voiceinfra_call_key",
        "voiceinfra_call",
        ["environment", "realm", "key_hash"],
        unique=True,
        sqlite_where=sa.text("key_active"),
        postgresql_where=sa.text("key_active"),
    )
    op.create_table(
        "voiceinfra_call_event",
        sa.Column("id", _BIG_ID, autoincrement=True, nullable=False),
        sa.Column("call", _BIG_ID, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("actor", sa.String(length=255)),
        sa.Column("detail", _JSON, nullable=False),
        sa.ForeignKeyConstraint(["call"], ["voiceinfra_call.id"], name="fk_voiceinfra_call_event_call"),
        sa.PrimaryKeyConstraint("id", name="pk_voiceinfra_call_event"),
    )
    op.create_index("ix_voiceinfra_call_event_call", "voiceinfra_call_event", ["call"], unique=False)
    op.create_index("ix_voiceinfra_call_event_at_id", "voiceinfra_call_event", ["at", "id"], unique=False)
    op.create_table(
        "voiceinfra_call_requester",
        sa.Column("call", _BIG_ID, autoincrement=False, nullable=False),
        sa.Column("dag_id", sa.String(length=250), nullable=False),
        sa.Column("logical_run", sa.String(length=250), nullable=False),
        sa.Column("task_id", sa.String(length=250), nullable=False),
        sa.Column("map_index", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("generation", sa.Integer, autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(["call"], ["voiceinfra_call.id"], name="fk_voiceinfra_call_requester_call"),
        sa.PrimaryKeyConstraint(
            "call",
            "dag_id",
            "logical_run",
            "task_id",
            "map_index",
            "generation",
            name="pk_voiceinfra_call_requester",
        ),
    )
    op.create_table(
        "voiceinfra_completed_call",
        sa.Column("id", _BIG_ID, autoincrement=True, nullable=False),
        sa.Column("call", _BIG_ID),
        sa.Column("completion", _BIG_ID),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("position", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_voiceinfra_completed_call"),
    )
    op.create_index(
        "ix_voiceinfra_completed_call_new",
        "voiceinfra_completed_call",
        ["id"],
        unique=False,
        sqlite_where=sa.text("position IS NULL"),
        postgresql_where=sa.text("position IS NULL"),
    )
    op.create_index(
        "ix_voiceinfra_completed_call_completion",
        "voiceinfra_completed_call",
        ["completion"],
        unique=False,
        sqlite_where=sa.text("completion IS NOT NULL"),
        postgresql_where=sa.text("completion IS NOT NULL"),
    )
    op.create_index(
        "uq_voiceinfra_completed_call_place",
        "voiceinfra_completed_call",
        ["position"],
        unique=True,
        sqlite_where=sa.text("position IS NOT NULL"),
        postgresql_where=sa.text("position IS NOT NULL"),
    )
    op.create_table(
        "voiceinfra_cursor",
        sa.Column("environment", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=250), nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("moved_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("environment", "name", name="pk_voiceinfra_cursor"),
    )
