"""Alembic's environment: runs the migrations on the connection of ``migrate``."""

from __future__ import annotations

from alembic import context

from airflow_provider_voiceinfra.store import schema

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=schema.metadata,
    version_table=schema.VERSION_TABLE,
    # One transaction for all migrations, on SQLite too, so that a store is never between two versions.
    transactional_ddl=True,
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
