"""A file of the spool: its name, and the deliveries in it."""

from __future__ import annotations

import base64
import json
import re
import secrets
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from airflow_provider_voiceinfra.store.inbox.delivery import Delivery

_NAME = re.compile(r"\d{20}-(\d+)-[0-9a-f]{12}")
# The length of the store's column.
_LONGEST_CONN_ID = 250


class DamagedError(ValueError):
    """A file is not as it was written."""


def new_stem(deliveries: Sequence[Delivery]) -> str:
    """Make a file name without extension, which sorts by time and contains the number of deliveries."""
    return f"{time.time_ns():020d}-{len(deliveries)}-{secrets.token_hex(6)}"


def count(stem: str) -> int:
    """Read the number of deliveries from a file name; 1 for a name of another form."""
    match = _NAME.fullmatch(stem)
    return int(match[1]) if match else 1


def encode(deliveries: Sequence[Delivery]) -> bytes:
    """Encode deliveries as the content of a file."""
    return json.dumps([_encoded(each) for each in deliveries]).encode()


def decode(content: bytes) -> list[Delivery]:
    """Decode the content of a file.

    :raises DamagedError: if anything in it is not as it was written.
    """
    try:
        deliveries = [_decoded(each) for each in json.loads(content)]
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError):
        raise DamagedError from None
    if not deliveries:
        raise DamagedError
    return deliveries


def _encoded(delivery: Delivery) -> dict[str, object]:
    return {
        "webhook_conn_id": delivery.webhook_conn_id,
        "received_at": delivery.received_at.isoformat(),
        "headers": dict(delivery.headers),
        "body": base64.b64encode(delivery.body).decode(),
    }


def _decoded(line: Any) -> Delivery:
    conn_id, received_at = line["webhook_conn_id"], datetime.fromisoformat(line["received_at"])
    headers = {str(name): str(value) for name, value in line["headers"].items()}
    if received_at.tzinfo is None or not 0 < len(conn_id) <= _LONGEST_CONN_ID or not conn_id.isprintable():
        raise DamagedError
    return Delivery.read(conn_id, received_at.astimezone(UTC), base64.b64decode(line["body"], validate=True), headers)
