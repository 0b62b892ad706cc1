"""Creation and migration of the call store, with Alembic."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.engine import Database
from airflow_provider_voiceinfra.store.errors import StoreError
from airflow_provider_voiceinfra.store.postgresql import check_encoding

# An arbitrary number that nothing else in the database uses.
_MIGRATION_LOCK = 7_601_174_662


def migrate(database: Database) -> None:
    """Create the call store, or migrate it to this version's schema. Does nothing if it is up to date.

    Several processes may do so at once.

    :raises StoreError: if it cannot be written, or was created by a newer version.
    """
    engine = database.open(create=True)
    try:
        with database.errors():
            if database.is_sqlite:
                _check_folder(Path(str(database.url.database)).parent)
            with engine.connect() as connection:
                connection.execution_options(voiceinfra_write=True)
                with connection.begin():
                    _upgrade(connection, database)
    finally:
        engine.dispose()


def _check_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise StoreError(
            f"[voiceinfra] call_store is in {folder}, which does not exist: check that its disk is mounted. If the "
            "path is correct, create the folder; it is not created here, because an empty store knows no earlier calls."
        )


def _upgrade(connection: sa.Connection, database: Database) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    if not database.is_sqlite:
        check_encoding(connection, database.shown_url)
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MIGRATION_LOCK)))
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["connection"] = connection
    try:
        if sa.inspect(connection).has_table(schema.VERSION_TABLE):
            command.upgrade(config, "head")
        else:
            schema.metadata.create_all(connection)
            command.stamp(config, "head")
    except CommandError:
        raise StoreError(
            f"The call store at {database.shown_url} ([voiceinfra] call_store) was created by a newer version of "
            "airflow-provider-voiceinfra: upgrade the package here."
        ) from None
    if connection.scalar(sa.select(sa.func.count()).select_from(schema.store)) == 0:
        connection.execute(schema.store.insert().values(id=secrets.token_hex(16), created_at=datetime.now(UTC)))
