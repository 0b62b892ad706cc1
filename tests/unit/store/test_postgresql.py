"""What holds in every transaction on PostgreSQL, whatever its role, its database and a pooler have set."""

from __future__ import annotations

import sys
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.store.errors import StoreEncodingError, StoreError, StoreUnavailableError
from airflow_provider_voiceinfra.store.guard.rules import Cap, Rules
from airflow_provider_voiceinfra.store.many_rows import update_rows
from tests.support.pooler import pooling
from tests.support.store_samples import claim, claim_request, deliver, queued, rows, state

pytestmark = pytest.mark.parametrize("kind", ["postgresql"])

HOSTILE = {
    "synchronous_commit": "off",
    "lock_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "DateStyle": "'SQL, DMY'",
    "TimeZone": "'<+0545>-05:45'",
    "IntervalStyle": "'sql_standard'",
    "client_encoding": "LATIN1",
    "bytea_output": "escape",
    "default_transaction_isolation": "serializable",
    "default_transaction_read_only": "on",
    "default_transaction_deferrable": "on",
}

WANTED = {
    "synchronous_commit": "on",
    "lock_timeout": "30s",
    "idle_in_transaction_session_timeout": "20s",
    "DateStyle": "ISO, YMD",
    "TimeZone": "UTC",
    "client_encoding": "UTF8",
    "transaction_isolation": "read committed",
}


def execute(url, *statements):
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


@pytest.fixture
def hostile_url(store_url):
    """A store whose role and database have settings that would lose, misread or refuse what is written."""
    database = sa.make_url(store_url).database
    names = [*HOSTILE]
    execute(
        store_url,
        "CREATE ROLE hostile LOGIN SUPERUSER",
        *(f"ALTER ROLE hostile SET {name} = {HOSTILE[name]}" for name in names[::2]),
        *(f"ALTER DATABASE {database} SET {name} = {HOSTILE[name]}" for name in names[1::2]),
    )
    yield sa.make_url(store_url).set(username="hostile").render_as_string(hide_password=False)
    execute(
        store_url,
        "SET default_transaction_read_only = off",
        f"ALTER DATABASE {database} RESET ALL",
        "DROP ROLE hostile",
    )


@pytest.fixture
def hostile_store(hostile_url):
    store = CallStore(hostile_url)
    yield store
    store.close()


def settings(tx):
    return {name: tx.exec_driver_sql(f"SHOW {name}").scalar_one() for name in WANTED}


@pytest.mark.parametrize("transaction", ["read", "write"])
def test_our_settings_hold_whatever_the_role_and_the_database_have(hostile_store, transaction):
    with getattr(hostile_store.database, transaction)() as tx:
        assert settings(tx) == WANTED
        assert tx.exec_driver_sql("SHOW bytea_output").scalar_one() == "escape"


def test_a_call_is_placed_and_completed_under_hostile_settings(hostile_store):
    later = datetime(9999, 12, 31, 23, 59, tzinfo=UTC)
    ours = queued(hostile_store, "call-1", metadata={"name": "Zoë 🌻"}, settle_timeout=timedelta(hours=2))
    deliver(hostile_store, "call-1", summary="Žluťoučký kůň 🐎")
    call = hostile_store.calls.get(ours.ref)
    assert (call.state, call.metadata) == ("completed", {"name": "Zoë 🌻"})
    assert call.completion.field("summary") == "Žluťoučký kůň 🐎"
    assert abs(call.completed_at - datetime.now(UTC)) < timedelta(seconds=30)
    with hostile_store.database.write() as tx:
        tx.execute(sa.update(schema.call).values(wait_until=later))
    assert hostile_store.calls.get(ours.ref).wait_until == later


def test_reading_cannot_write(store):
    with pytest.raises(StoreUnavailableError, match="read-only"), store.database.read() as tx:
        tx.execute(sa.delete(schema.wait))


def test_settings_are_the_transactions_own(hostile_store):
    """In a pooler, the session is another's next."""
    claim(hostile_store)
    with hostile_store.database.engine.connect() as connection:
        session = connection.connection.dbapi_connection
    assert session.execute("SHOW synchronous_commit").fetchone() == ("off",)
    assert session.execute("SHOW lock_timeout").fetchone() == ("0",)


def test_settings_hold_behind_a_pooler_in_transaction_mode(hostile_url):
    url = sa.make_url(hostile_url)
    unix_socket = f"{url.query['host']}/.s.PGSQL.5432"
    with pooling(unix_socket) as port:
        pooled = url.set(host="127.0.0.1", port=port, query={"sslmode": "disable"})
        store = CallStore(pooled.render_as_string(hide_password=False))
        for _ in range(4):
            with store.database.write() as tx:
                assert settings(tx) == WANTED
            with store.database.read() as tx:
                assert settings(tx) == WANTED
        ours = queued(store, "call-1")
        deliver(store, "call-1")
        assert state(store, ours.ref) == "completed"
        store.close()


def test_a_connection_that_the_server_has_closed_is_replaced(store, store_url):
    claim(store)
    execute(store_url, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'voiceinfra'")
    assert state(store, claim(store, "k2").ref) == "claimed"


def test_what_is_written_for_several_calls_at_once_is_passed_in_one_statement(store):
    """The server would parse and plan one for each call."""
    many = []
    sa.event.listen(store.database.engine, "before_cursor_execute", lambda *args: many.append(args[-1]))
    numbers = {f"call-{number}": f"+1415555010{number}" for number in range(3)}
    results = store.claims.take_all([claim_request(key, to_number=number) for key, number in numbers.items()])
    claims = [result.claim for result in results]
    store.claims.record_and_permit([], claims)
    store.claims.record_and_permit(list(zip(claims, numbers, strict=True)))
    assert {each.ref: each.call_id for each in store.calls.iterate()} == dict(
        zip([each.ref for each in claims], numbers, strict=True)
    )
    assert not any(many)


def test_the_calls_to_several_numbers_are_counted_by_one_query(store):
    read = []

    def note(_, __, statement, *args):
        if "ORDER BY voiceinfra_call.claimed_at DESC" in statement:
            read.append(statement)

    sa.event.listen(store.database.engine, "before_cursor_execute", note)
    rules = Rules(caps=(Cap(1, timedelta(days=1)),))
    together = [claim_request(f"{n}", to_number=f"+1415555010{n}", rules=rules) for n in range(3)]
    assert all(result.claim for result in store.claims.take_all(together))
    assert len(read) == 1


def test_what_is_too_long_for_its_column_is_rejected_rather_than_cut_off(store):
    ours = claim(store)
    with pytest.raises(StoreError), store.database.write() as tx:
        update_rows(tx, schema.call, [{"id": ours.id, "call_id": "c" * 256}], {})


def test_a_lock_is_waited_for_no_longer_than_its_timeout(store, open_store):
    """Shown with a shorter one."""
    other = open_store()

    def hurry(connection):
        connection.exec_driver_sql("SET LOCAL lock_timeout = '50ms'")

    sa.event.listen(other.database.engine, "begin", hurry)
    ours = claim(store)
    with store.database.write() as tx:
        tx.exec_driver_sql("LOCK TABLE voiceinfra_call")
        with pytest.raises(StoreUnavailableError, match="lock timeout"):
            other.claims.request_permit(ours)
    assert store.claims.request_permit(ours).permit


def test_a_transaction_of_a_process_that_hangs_frees_its_locks(store, open_store):
    """Shown with a shorter timeout."""
    hanging = open_store()
    with suppress(StoreUnavailableError), hanging.database.write() as tx:
        tx.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = '50ms'")
        tx.exec_driver_sql("LOCK TABLE voiceinfra_call")
        # It waits for the lock until the server has ended the transaction that hangs.
        claim(store)
        assert len(rows(store, schema.call)) == 1
        # And nothing of that is written any more.
        with pytest.raises(sa.exc.OperationalError, match="idle-in-transaction"):
            tx.exec_driver_sql("DELETE FROM voiceinfra_call")


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
def test_a_database_of_another_encoding_is_refused_and_left_alone(postgres_url, kind, encoding):
    name = f"odd_{encoding.lower()}"
    execute(
        postgres_url, f"CREATE DATABASE {name} ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
    )
    url = sa.make_url(postgres_url).set(database=name).render_as_string(hide_password=False)
    store = CallStore(url)
    for use in (store.migrate, store.check, store.calls.count_by_state, lambda: claim(store)):
        with pytest.raises(StoreEncodingError, match=f"{encoding}.*UTF8.*call_store.*Nothing was dialled"):
            use()
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        assert connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (0,)
    store.close()
    execute(postgres_url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.mark.parametrize("missing", [None, ImportError("no pq wrapper available")])
def test_a_driver_that_cannot_be_loaded_is_said_before_anything_is_sent(store_url, monkeypatch, missing, tmp_path):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    if missing is not None:
        monkeypatch.delitem(sys.modules, "psycopg")
        (tmp_path / "psycopg.py").write_text(f"raise ImportError({str(missing)!r})")
        monkeypatch.syspath_prepend(tmp_path)
    for use in (lambda store: store.check(), claim):
        with pytest.raises(StoreError, match=r"driver of PostgreSQL.*pip install.*\[postgres\].*Nothing was dialled"):
            use(CallStore(store_url))
