"""Which module calls a function that is patched for all of them."""

from __future__ import annotations

import sys


def is_called_by(module: str) -> bool:
    """Return whether the caller of this function was called by a module."""
    return bool(sys._getframe(2).f_globals.get("__name__") == module)  # noqa: SLF001
