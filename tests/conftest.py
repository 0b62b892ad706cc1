"""Real parts for the tests: an Airflow home, an SQLite file, and a PostgreSQL server of this session."""

from __future__ import annotations

import fcntl
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from hypothesis import settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.call_store import CallStore
from tests.postgres import NoPostgresError, find_binaries, running

# Before anything imports Airflow: a home of this session, which knows nothing of the user's own.
_ROOT = Path(__file__).parent.parent
_HOME = tempfile.TemporaryDirectory(prefix="voiceinfra-tests-")
os.environ |= {
    "AIRFLOW_HOME": _HOME.name,
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(
        [
            {
                "name": f"tests-{folder.name}",
                "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
                "kwargs": {"path": str(folder)},
            }
            for folder in (_ROOT / "tests" / "dags", _ROOT / "example_dags")
        ]
    ),
}

pytest_plugins = ["airflow_provider_voiceinfra.testing"]

# A busy machine is no failure.
settings.register_profile("tests", deadline=None, database=None, max_examples=50)
# `make test-all` looks longer, by --hypothesis-profile.
settings.register_profile("all", settings.get_profile("tests"), max_examples=300)
settings.load_profile("tests")

# The system tests that start an Airflow of their own; the others share one.
_START_THEIR_OWN = ("test_demo.py", "test_privacy.py", "test_standalone.py")

_number = itertools.count()


class Groups(LoadScopeScheduling):
    """Runs the system tests in two groups, beside everything else: they wait most of the time."""

    def _split_scope(self, nodeid: str) -> str:
        path = Path(nodeid.partition("::")[0])
        tier = path.parts[1]
        if tier == "system":
            return "their own" if path.name in _START_THEIR_OWN else "shared"
        return str(path) if tier == "unit" else nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling | None:
    """Let ``--dist loadscope`` know these groups."""
    return Groups(config, log) if config.getvalue("dist") == "loadscope" else None


@pytest.fixture(scope="session")
def airflow_database(tmp_path_factory, worker_id) -> Path:
    """Airflow's own database, in the home of this session: made by the first worker, copied by the others."""
    ours, folder = Path(_HOME.name) / "airflow.db", tmp_path_factory.getbasetemp()
    made = (folder if worker_id == "master" else folder.parent) / "airflow.db"
    with made.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if made.exists():
            shutil.copy(made, ours)
        else:
            subprocess.run([sys.executable, "-m", "airflow", "db", "migrate"], check=True, capture_output=True)
            shutil.copy(ours, made)
    _read_dag_files_once()
    return ours


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The URL of a PostgreSQL server's own database; the server ends with the session."""
    try:
        with running(find_binaries()) as url:
            yield url
    except NoPostgresError as error:
        pytest.fail(str(error))


@pytest.fixture(scope="session")
def migrated_postgres(postgres_url) -> Iterator[str]:
    """The URL of a database that holds a call store, which tests leave empty."""
    with new_database(postgres_url) as url:
        _migrate(url)
        yield url


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory) -> Path:
    """A file that holds an empty call store, to make others of."""
    path = tmp_path_factory.mktemp("migrated") / "voiceinfra.db"
    _migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(autouse=True)
def _no_surroundings(monkeypatch):
    """Tests do not depend on the machine's proxies."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture(params=["sqlite", "postgresql"])
def kind(request) -> str:
    """Which database; tests that use it run on each."""
    return request.param


@pytest.fixture
def empty_store_url(kind, request, tmp_path) -> Iterator[str]:
    """A place for a call store, where none is yet."""
    if kind == "sqlite":
        yield f"sqlite:///{tmp_path}/voiceinfra.db"
    else:
        with new_database(request.getfixturevalue("postgres_url")) as url:
            yield url


@pytest.fixture
def store_url(kind, request, tmp_path) -> Iterator[str]:
    """A call store without a call."""
    if kind == "sqlite":
        path = tmp_path / "voiceinfra.db"
        shutil.copy(request.getfixturevalue("migrated_sqlite"), path)
        yield f"sqlite:///{path}"
    else:
        url = request.getfixturevalue("migrated_postgres")
        yield url
        # Quicker than a new database, by far.
        try:
            _empty(url)
        except psycopg.Error:
            _execute(url, "DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
            _migrate(url)


@pytest.fixture
def open_store(store_url) -> Iterator[Callable[..., CallStore]]:
    """Open the test's call store once more, as another process or environment would."""
    stores: list[CallStore] = []

    def another(**options: str) -> CallStore:
        stores.append(CallStore(store_url, **options))
        return stores[-1]

    yield another
    for store in stores:
        store.close()


@pytest.fixture
def store(open_store) -> CallStore:
    """A call store without a call, opened."""
    return open_store()


@contextmanager
def new_database(postgres_url: str) -> Iterator[str]:
    """Make an empty database, and drop it."""
    name = f"test_{next(_number)}"
    _execute(postgres_url, f"CREATE DATABASE {name}")
    try:
        yield sa.make_url(postgres_url).set(database=name).render_as_string(hide_password=False)
    finally:
        _execute(postgres_url, f"DROP DATABASE {name} WITH (FORCE)")


def _read_dag_files_once() -> None:
    """Let ``dag.test()`` read the DAG files of this checkout, and write them to its database, the first time only.

    It does so each time, which takes ten times as long as most tests, and these files do not change meanwhile.
    """
    from airflow.dag_processing import dagbag

    read, sync, seen = dagbag.BundleDagBag, dagbag.sync_bag_to_db, set[Path]()

    def read_once(dag_folder: Path, **options: object) -> dagbag.BundleDagBag | None:
        if dag_folder in seen:
            return None
        if _ROOT in Path(dag_folder).parents:
            seen.add(dag_folder)
        return read(dag_folder=dag_folder, **options)

    def sync_what_was_read(bag: dagbag.BundleDagBag | None, *args: object, **options: object) -> None:
        if bag is not None:
            sync(bag, *args, **options)

    dagbag.BundleDagBag, dagbag.sync_bag_to_db = read_once, sync_what_was_read


def _migrate(url: str) -> None:
    store = CallStore(url)
    store.migrate()
    store.close()


def _empty(url: str) -> None:
    emptied = [table.name for table in reversed(schema.metadata.sorted_tables) if table is not schema.store]
    _execute(
        url,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()",
        *[f"DELETE FROM {name}" for name in (*emptied, schema.VERSION_TABLE)],
        f"INSERT INTO {schema.VERSION_TABLE} VALUES ('{schema.SCHEMA_VERSION}')",
    )


def _execute(url: str, *statements: str) -> None:
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)
