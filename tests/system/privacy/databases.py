"""Everything that a PostgreSQL database holds, and everything that it held for a moment."""

from __future__ import annotations

import contextlib
import re
import zlib
from collections import defaultdict

import psycopg
from cryptography.fernet import Fernet

_SEEN = "seen_by_the_test"
_BYTES = re.compile(r'"\\\\x((?:[0-9a-f]{2})+)"')
_ENCRYPTED = re.compile(r"gAAAA[\w=-]{60,}")
# What is deleted again, as triggers are, is noted as it is written.
_NOTE = f"""
CREATE TABLE {_SEEN} (place text, said text);
CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN INSERT INTO {_SEEN} VALUES (TG_TABLE_NAME, row_to_json(NEW)::text); RETURN NEW; END';
DO $$ DECLARE name text; BEGIN
    FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> '{_SEEN}' LOOP
        EXECUTE format('CREATE TRIGGER see AFTER INSERT OR UPDATE ON %I FOR EACH ROW EXECUTE FUNCTION see()', name);
    END LOOP;
END $$
"""


def note_every_row(url: str) -> None:
    """From now on, keep a copy of every row that is written."""
    with _connected(url) as connection:
        connection.execute(_NOTE)


def everything(url: str, key: str | None = None) -> dict[str, str]:
    """Return all that is, and was, in each table, bytes unpacked.

    :param key: Airflow's, by which it encrypts what triggers are given: that is read too. Connections stay as they are.
    """
    said: defaultdict[str, set[str]] = defaultdict(set)
    with _connected(url) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        for (name,) in tables:
            if name == _SEEN:
                for place, row in connection.execute(f"SELECT DISTINCT place, said FROM {_SEEN}"):
                    said[place].add(row)
            else:
                said[name].update(row for (row,) in connection.execute(f'SELECT row_to_json(t)::text FROM "{name}" t'))
    found = {name: "\n".join(map(_unpacked, sorted(rows))) for name, rows in said.items()}
    return {
        name: text if key is None or name == "connection" else _decrypted(text, key) for name, text in found.items()
    }


def _unpacked(row: str) -> str:
    return _BYTES.sub(lambda match: _text(bytes.fromhex(match[1])), row)


def _decrypted(text: str, key: str) -> str:
    return _ENCRYPTED.sub(lambda match: Fernet(key).decrypt(match[0]).decode(), text)


def _text(content: bytes) -> str:
    with contextlib.suppress(zlib.error):
        content = zlib.decompress(content)
    return content.decode("utf-8", "replace")


def _connected(url: str) -> psycopg.Connection:
    return psycopg.connect(url.replace("+psycopg", ""), autocommit=True)
