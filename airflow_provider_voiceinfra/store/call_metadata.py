"""The index that finds calls by their metadata."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.hashing import hash_key
from airflow_provider_voiceinfra.store.many_rows import insert_rows

_PAIR_LENGTH = 32


def hash_pair(pair: str) -> str:
    """Return the hash of a key and its value, as ``key:value``: by it they are found, however long they are."""
    key, _, value = pair.partition(":")
    return hash_key(f"{key.strip()}:{value.strip()}")[:_PAIR_LENGTH]


def add_metadata(tx: sa.Connection, calls: Mapping[int, Mapping[str, Any]]) -> None:
    """Index the metadata of new calls: strings, numbers and booleans, not nested values.

    :param calls: the metadata by the ids of the calls.
    """
    pairs = {(pair, row_id) for row_id, metadata in calls.items() for pair in _hash_all(metadata)}
    insert_rows(tx, schema.call_metadata, [{"pair": pair, "call": row_id} for pair, row_id in pairs])


def remove_metadata(tx: sa.Connection, row_ids: Collection[int]) -> None:
    """Remove calls from the index."""
    tx.execute(sa.delete(schema.call_metadata).where(schema.call_metadata.c.call.in_(row_ids)))


def _hash_all(metadata: Mapping[str, Any]) -> set[str]:
    scalars = {key: value for key, value in metadata.items() if isinstance(value, str | int | float)}
    return {
        hash_pair(f"{key}:{value if isinstance(value, str) else json.dumps(value)}") for key, value in scalars.items()
    }
