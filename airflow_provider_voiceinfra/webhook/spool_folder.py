"""The folder of a spool: files are synced to disk, and only their owner can read them."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_UNFINISHED = ".tmp"
_FORGOTTEN = 3_600.0


class SpoolError(Exception):
    """The spool cannot take a delivery.

    :param reason: the reason, without the folder.
    """

    def __init__(self, folder: Path, reason: str) -> None:
        super().__init__(f"The spool at {folder} {reason}.")
        self.reason = reason


class SpoolFolder:
    """Reads and writes the files of a folder, which is created if it is missing."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def files(self, ending: str) -> list[Path]:
        """List the files with an extension, oldest first."""
        try:
            return sorted(path for path in self.path.iterdir() if path.name.endswith(ending))
        except (FileNotFoundError, NotADirectoryError):
            return []

    def write(self, name: str, content: bytes) -> None:
        """Write a file: when this returns, it is complete and on disk.

        :raises SpoolError: if it cannot be written.
        """
        with self._telling(), self._unfinished(content) as unfinished:
            unfinished.rename(self.path / name)
            self._sync()

    def probe(self, size: int) -> None:
        """Check that a file of some size can be written; it is removed again.

        :raises SpoolError: if it cannot.
        """
        with self._telling(), self._unfinished(bytes(size)):
            self._sync()

    def sweep(self) -> None:
        """Remove unfinished files of processes that died: they were never answered with 200."""
        for path in self.files(_UNFINISHED):
            with contextlib.suppress(OSError):
                if time.time() - path.lstat().st_mtime > _FORGOTTEN:
                    path.unlink()

    @contextmanager
    def locked(self) -> Iterator[bool]:
        """Lock the folder; yields False if another process has locked it.

        The folder itself is locked: a lock file could be another user's.
        """
        folder = self._open()
        try:
            yield _lock(folder)
        finally:
            os.close(folder)

    @contextmanager
    def _unfinished(self, content: bytes) -> Iterator[Path]:
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self.path / f"{time.time_ns()}-{os.urandom(6).hex()}{_UNFINISHED}"
        try:
            with open(path, "xb", opener=_private) as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            yield path
        finally:
            path.unlink(missing_ok=True)

    def _open(self) -> int:
        return os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)

    def _sync(self) -> None:
        folder = self._open()
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    @contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise SpoolError(self.path, f"cannot be written: {error.strerror}") from None


def _lock(folder: int) -> bool:
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        # Some network file systems cannot lock folders. Draining twice is harmless: the store keeps each delivery once.
        return True
    return True


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
