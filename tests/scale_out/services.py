"""What an Airflow on several machines stands on: PostgreSQL, Redis, and nginx with the configuration of the docs."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import psycopg
import sqlalchemy as sa

from airflow_provider_voiceinfra.demo.environment import HOST
from airflow_provider_voiceinfra.store.call_store import CallStore
from tests.postgres import find_binaries, running, stopped
from tests.scale_out.part import ROOT, Part

DATABASES = ("airflow", "store", "warehouse")
_NGINX = ROOT / "docs" / "receiver" / "nginx.conf"
_WHOLE = """
daemon off;
pid {home}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {home}/body;
    proxy_temp_path {home}/proxy;
    fastcgi_temp_path {home}/fastcgi;
    uwsgi_temp_path {home}/uwsgi;
    scgi_temp_path {home}/scgi;
    include {home}/voiceinfra.conf;
}}
"""


class MissingProgramError(Exception):
    """A program is not on this machine; says what to install."""


class Postgres:
    """A PostgreSQL server with a database for Airflow, one for the calls and one for the people."""

    def __init__(self, url: str) -> None:
        self._server, self._url = url, sa.make_url(url)
        with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
            for name in DATABASES:
                connection.execute(f"CREATE DATABASE {name}")

    def url(self, database: str) -> str:
        """Return the URL of one of its databases."""
        return self._url.set(database=database).render_as_string(hide_password=False)

    @property
    def host(self) -> str:
        """The folder of its socket."""
        return str(self._url.query["host"])

    def crashed(self) -> contextlib.AbstractContextManager[None]:
        """Let it crash, and start it again at the end."""
        return stopped(find_binaries(), self._server)

    def fill(self, rows: int) -> None:
        """Write the people who are to be called, each with a number of its own."""
        with psycopg.connect(self.url("warehouse").replace("+psycopg", "")) as connection:
            connection.execute(
                "CREATE TABLE people AS SELECT id, '+1212' || (2000000 + id) AS phone, 'Person ' || id AS name"
                f" FROM generate_series(1, {rows}) AS id"
            )
        store = CallStore(self.url("store"))
        store.migrate()
        store.close()


@contextlib.contextmanager
def postgres() -> Iterator[Postgres]:
    """Run a PostgreSQL server that keeps what it has committed."""
    with running(find_binaries(), durable=True) as url:
        yield Postgres(url)


def redis(home: Path, port: int, env: Mapping[str, str]) -> Part:
    """Redis, which keeps what it has on a disk."""
    options = ("--port", str(port), "--bind", HOST, "--dir", str(home), "--appendonly", "yes", "--save", "")
    return Part("redis", [_program("redis-server"), *options], env, home, ready="Ready to accept connections")


def nginx(home: Path, port: int, receivers: Sequence[int], env: Mapping[str, str]) -> Part:
    """Nginx before the receivers: the configuration of the docs, without TLS."""
    servers = "\n    ".join(f"server {HOST}:{receiver};" for receiver in receivers)
    config = _NGINX.read_text()
    for theirs, ours in (
        ("listen 443 ssl;", f"listen {HOST}:{port};"),
        ("    server_name webhooks.example.com;\n", ""),
        ("    ssl_certificate /etc/nginx/tls/webhooks.example.com.pem;\n", ""),
        ("    ssl_certificate_key /etc/nginx/tls/webhooks.example.com.key;\n", ""),
        ("server 127.0.0.1:8088;", servers),
    ):
        assert theirs in config, theirs
        config = config.replace(theirs, ours)
    (home / "voiceinfra.conf").write_text(config)
    (home / "nginx.conf").write_text(_WHOLE.format(home=home))
    return Part(
        "nginx", [_program("nginx"), "-p", str(home), "-e", "stderr", "-c", str(home / "nginx.conf")], env, home
    )


def _program(name: str) -> str:
    # Debian keeps servers where only root's path leads.
    found = shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
    if found is None:
        raise MissingProgramError(f"There is no {name} on this machine: `make scale-out` installs it where it may.")
    return found
