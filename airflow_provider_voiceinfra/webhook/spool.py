"""The spool: verified webhooks on disk while the call store is away."""

from __future__ import annotations

import contextlib
import logging
import os
import stat
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from airflow_provider_voiceinfra.store.errors import StoreError, StoreValueError
from airflow_provider_voiceinfra.store.inbox.delivery import Delivery
from airflow_provider_voiceinfra.webhook import spool_file
from airflow_provider_voiceinfra.webhook.spool_folder import SpoolError, SpoolFolder

log = logging.getLogger(__name__)

SPOOL_LIMIT = 512 * 1024 * 1024
"""Largest size of a spool in bytes: more than a day of 100,000 calls."""

_ENDING, _DAMAGED = ".spool", ".damaged"
_USUAL = 4096
"""Size of a typical webhook on the spool, in bytes."""

Keep = Callable[[Sequence[Delivery]], object]


@dataclass(frozen=True, slots=True)
class SpoolDepth:
    """What a spool holds until the store is back."""

    deliveries: int
    bytes: int


class Spool:
    """A folder of deliveries. Several processes may share it.

    Each file holds the deliveries of one :meth:`add`. A file that cannot be read is passed over until it can be; one
    that makes no sense is renamed, and kept. Neither holds up the others.

    :param folder: on a disk that outlives the process and its container; created if it is missing.
    """

    def __init__(self, folder: Path, *, limit: int = SPOOL_LIMIT) -> None:
        self.folder = folder
        self._folder = SpoolFolder(folder)
        self._limit = limit
        self._logged: set[str] = set()
        # Already in the store, but their files could not be removed.
        self._handed_over: set[str] = set()

    def check(self) -> None:
        """Check that it can take a webhook.

        :raises SpoolError: with the reason.
        """
        self._check_room(_USUAL)
        self._folder.probe(_USUAL)

    def add(self, deliveries: Sequence[Delivery]) -> None:
        """Write deliveries: they are on disk when this returns, and stay until they are drained.

        :raises SpoolError: if it is full or cannot be written.
        """
        content = spool_file.encode(deliveries)
        self._check_room(len(content))
        self._folder.write(spool_file.new_stem(deliveries) + _ENDING, content)

    def depth(self) -> SpoolDepth:
        """Return how much it holds, without files that cannot be handed over."""
        deliveries = size = 0
        for path in self._folder.files(_ENDING):
            with contextlib.suppress(FileNotFoundError):
                if path.name not in self._handed_over and self._trouble(path) is None:
                    size += path.lstat().st_size
                    deliveries += spool_file.count(path.stem)
        return SpoolDepth(deliveries, size)

    def set_aside(self) -> dict[str, str]:
        """Return the files that are not handed over, each with the reason."""
        found = {path.name: "is damaged" for path in self._folder.files(_DAMAGED)}
        for path in self._folder.files(_ENDING):
            with contextlib.suppress(FileNotFoundError):
                if trouble := self._trouble(path):
                    found[path.name] = trouble
        return found

    def drain(self, keep: Keep) -> None:
        """Hand over all deliveries, oldest first, and remove each file once ``keep`` has returned.

        Where another process drains it at the moment, nothing is done. A process that dies in between leaves
        its file, which is then handed over once more.

        :param keep: stores them. A :class:`StoreError` ends the draining. After any other error, that file stays, and
            the error is raised once the others have been handed over.
        """
        if not self.folder.is_dir():
            return
        failed: Exception | None = None
        with self._folder.locked() as ours:
            for path in self._folder.files(_ENDING) if ours else ():
                try:
                    self._hand_over(path, keep)
                except StoreError:
                    raise
                except Exception as error:  # noqa: BLE001 - a bad file must not stop the others
                    failed = failed or error
            if ours:
                self._folder.sweep()
        if failed is not None:
            raise failed

    def _hand_over(self, path: Path, keep: Keep) -> None:
        if path.name not in self._handed_over:
            deliveries = self._read(path)
            if not deliveries:
                return
            try:
                keep(deliveries)
            except StoreValueError:
                self._rename(path, "is rejected by the call store")
                return
            self._handed_over.add(path.name)
        path.unlink(missing_ok=True)
        self._handed_over.remove(path.name)

    def _read(self, path: Path) -> list[Delivery]:
        try:
            if trouble := self._trouble(path):
                self._log_once(path, trouble)
                return []
            return spool_file.decode(path.read_bytes())
        except FileNotFoundError:
            # Another process has handed it over.
            return []
        except spool_file.DamagedError:
            self._rename(path, "is damaged")
            return []

    def _trouble(self, path: Path) -> str | None:
        """Return why a file cannot be read; None if it can."""
        found = path.lstat()
        if not stat.S_ISREG(found.st_mode):
            return "is not a regular file"
        if found.st_size > self._limit:
            return "is larger than a spool may be"
        return None if os.access(path, os.R_OK) else "cannot be read by this user"

    def _rename(self, path: Path, reason: str) -> None:
        # A unique name, so that no earlier file is overwritten.
        aside = path.with_name(f"{path.name}-{time.time_ns()}{_DAMAGED}")
        path.rename(aside)
        self._log_once(aside, reason)

    def _log_once(self, path: Path, reason: str) -> None:
        if path.name not in self._logged:
            self._logged.add(path.name)
            log.error(
                "%s %s, and is set aside: its completions are not in the call store. Fix it, and give it a name that "
                "ends in %s; or remove it. `airflow voiceinfra store status` lists such files.",
                *(path, reason, _ENDING),
            )

    def _check_room(self, size: int) -> None:
        try:
            held = self.depth().bytes
        except OSError as error:
            raise SpoolError(self.folder, f"cannot be read: {error.strerror}") from None
        if held + size > self._limit:
            raise SpoolError(self.folder, f"is full: it may hold {self._limit} bytes")
