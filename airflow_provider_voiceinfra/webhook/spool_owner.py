"""Which call store a spool belongs to: webhooks of one store must not end up in another."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from airflow_provider_voiceinfra.webhook.spool_folder import SpoolError, SpoolFolder

_STORE, _URL = "store-", "url-"


class SpoolOwner:
    """Claims a folder for a call store by the names of two files in it.

    One names the store's id. The other stands for a URL by which the store was reached: while the store is away, its
    id may not be known.

    :param url: the store's URL without secrets.
    """

    def __init__(self, folder: Path, url: str) -> None:
        self.store_id: str | None = None
        self._folder = SpoolFolder(folder)
        self._url = _URL + hashlib.sha256(url.encode()).hexdigest()[:16]

    def claim(self) -> None:
        """Check that the folder belongs to this store, and mark it.

        :raises SpoolError: if it belongs to another one, or may.
        """
        if self.store_id is None:
            if not self._is_there(self._url):
                # Another thread or process of this store may have marked it meanwhile.
                if set(self._names()) - {self._url}:
                    raise self._error(
                        "may be another call store's: it is used once this store answers and turns out to be the same"
                    )
                self._folder.write(self._url, b"")
            return
        mine = _STORE + self.store_id
        if not self._is_there(mine):
            # As above: names are read later than whether ours is there.
            names = set(self._names()) - {mine}
            if any(name.startswith(_STORE) for name in names) or (names and self._url not in names):
                raise self._another()
            self._folder.write(mine, b"")
            # If two stores claim it at the same time, one gives way.
            if min(name for name in self._names() if name.startswith(_STORE)) != mine:
                (self._folder.path / mine).unlink(missing_ok=True)
                raise self._another()
        if not self._is_there(self._url):
            self._folder.write(self._url, b"")

    def _is_there(self, name: str) -> bool:
        return os.path.lexists(self._folder.path / name)

    def _names(self) -> list[str]:
        return [path.name for path in self._folder.files("") if path.name.startswith((_STORE, _URL))]

    def _another(self) -> SpoolError:
        return self._error(
            "belongs to another call store: give each store a [voiceinfra] spool of its own. If this store has "
            f"replaced the other one for good, remove the files {_STORE}* and {_URL}* there: what is on the spool then "
            "goes into this store"
        )

    def _error(self, reason: str) -> SpoolError:
        return SpoolError(self._folder.path, reason)
