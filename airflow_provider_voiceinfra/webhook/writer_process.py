"""The process that writes to the store for a receiver: batches of deliveries in, what each one brought out."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import sys
from typing import IO, Any

from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.store.errors import StoreError
from airflow_provider_voiceinfra.store.records import DeliveryResult

SIZE = 8
"""Bytes before each message that say how long it is."""


def packed(message: object) -> bytes:
    """Write a message, after its length."""
    content = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    return len(content).to_bytes(SIZE) + content


def main() -> None:
    """Keep batches until there are no more."""
    # Ctrl-C, and a stop that signals the whole group, as systemd's does, are for the receiver: it ends us when it has
    # finished what it took, and our standard input ends with it in any case.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    batches, answers = sys.stdin.buffer, os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)
    # Whatever is printed must not get between the answers.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    url, options = _next(batches)
    store = CallStore(url, **options)
    with contextlib.suppress(StoreError):
        store.check()
    while (deliveries := _next(batches)) is not None:
        answer: list[DeliveryResult] | str
        try:
            answer = store.deliveries.keep(deliveries)
        except StoreError as error:
            answer = str(error)
        answers.write(packed(answer))


def _next(batches: IO[bytes]) -> Any:
    size = batches.read(SIZE)
    return pickle.loads(batches.read(int.from_bytes(size))) if len(size) == SIZE else None  # noqa: S301 - our parent's


if __name__ == "__main__":
    main()
