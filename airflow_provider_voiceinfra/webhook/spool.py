"""The spool: verified webhooks on the disk, while the call store is away."""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import logging
import os
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from airflow_provider_voiceinfra.store.delivery import Delivery

log = logging.getLogger(__name__)

SPOOL_LIMIT = 512 * 1024 * 1024
"""Bytes that a spool takes at most: a day of 100,000 calls, and more."""

_ENDING, _UNFINISHED, _DAMAGED = ".spool", ".tmp", ".damaged"
_FORGOTTEN = 3_600.0


class SpoolError(Exception):
    """The spool cannot take a delivery."""


@dataclass(frozen=True, slots=True)
class SpoolDepth:
    """What waits in a spool for the store to come back."""

    deliveries: int
    bytes: int


class Spool:
    """A folder of deliveries. Several processes may share it.

    Each file holds the deliveries of one :meth:`add`; it is there as a whole or not at all.

    :param folder: on a disk that outlives the process and its container; made where it is missing.
    :param limit: of its bytes.
    """

    def __init__(self, folder: Path, *, limit: int = SPOOL_LIMIT) -> None:
        self.folder = folder
        self._limit = limit

    def check(self) -> None:
        """Make sure that it can be written.

        :raises SpoolError: with the reason.
        """
        with self._telling():
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not os.access(self.folder, os.W_OK | os.X_OK):
                raise SpoolError(f"{self.folder} cannot be written")

    def add(self, deliveries: Sequence[Delivery]) -> None:
        """Keep deliveries until they are drained: they are on the disk when this returns.

        :raises SpoolError: if it is full or cannot be written: nothing is kept then.
        """
        content = json.dumps([_encoded(each) for each in deliveries]).encode()
        self.check()
        if self.depth().bytes + len(content) > self._limit:
            raise SpoolError(f"{self.folder} holds {self._limit} bytes, as many as it may")
        name = f"{time.time_ns():020d}-{len(deliveries)}-{secrets.token_hex(6)}"
        unfinished = self.folder / f"{name}{_UNFINISHED}"
        with self._telling():
            try:
                with open(unfinished, "xb", opener=_private) as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                unfinished.rename(self.folder / f"{name}{_ENDING}")
            except OSError:
                unfinished.unlink(missing_ok=True)
                raise
            self._sync()

    def depth(self) -> SpoolDepth:
        """Measure what waits in it."""
        deliveries = size = 0
        for path in self._files():
            with contextlib.suppress(FileNotFoundError):
                size += path.stat().st_size
                deliveries += int(path.name.split("-")[1])
        return SpoolDepth(deliveries, size)

    def drain(self, keep: Callable[[Sequence[Delivery]], object]) -> None:
        """Hand over all deliveries, oldest first, and forget each file once ``keep`` has returned.

        Where another process drains it at the moment, nothing is done. A process that dies in between leaves
        its file, which is then handed over once more.

        :param keep: whatever it raises ends the draining.
        """
        if not self.folder.is_dir():
            return
        with self._draining() as ours:
            if ours:
                for path in self._files():
                    deliveries = self._read(path)
                    if deliveries:
                        keep(deliveries)
                        path.unlink()
                self._sweep()

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob(f"*{_ENDING}"))

    def _read(self, path: Path) -> list[Delivery]:
        try:
            return [_decoded(each) for each in json.loads(path.read_bytes())]
        except (ValueError, KeyError, TypeError):
            log.error("%s is damaged, and is set aside: its completions are not in the call store.", path)
            path.rename(path.with_suffix(_DAMAGED))
            return []

    def _sweep(self) -> None:
        """Remove what a process left unfinished when it died: it was not answered with 200."""
        for path in self.folder.glob(f"*{_UNFINISHED}"):
            with contextlib.suppress(FileNotFoundError):
                if time.time() - path.stat().st_mtime > _FORGOTTEN:
                    path.unlink()

    @contextmanager
    def _draining(self) -> Iterator[bool]:
        with open(self.folder / "draining", "wb", opener=_private) as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True

    def _sync(self) -> None:
        folder = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    @contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise SpoolError(f"{self.folder} cannot be written: {error.strerror}") from None


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _encoded(delivery: Delivery) -> dict[str, object]:
    return {
        "webhook_conn_id": delivery.webhook_conn_id,
        "received_at": delivery.received_at.isoformat(),
        "headers": dict(delivery.headers),
        "body": base64.b64encode(delivery.body).decode(),
    }


def _decoded(line: dict[str, object]) -> Delivery:
    return Delivery.read(
        str(line["webhook_conn_id"]),
        datetime.fromisoformat(str(line["received_at"])),
        base64.b64decode(str(line["body"])),
        dict(line["headers"]),  # type: ignore[call-overload]
    )
