"""Keys of parts: other parts give another key, and the same text gives the same key however it is encoded."""

from __future__ import annotations

import hashlib
import unicodedata


def join_parts(*parts: object) -> str:
    """Join parts into one key. The parts are escaped, so that no other parts give the same key."""
    return "/".join(_escape(normal(str(part))) for part in parts)


def normal(text: str) -> str:
    """Give a string in Unicode's normal form C: databases and operating systems write ``é`` in two ways."""
    return unicodedata.normalize("NFC", text)


def hash_key(key: str) -> str:
    """Stand in for a key, which may hold a number."""
    return hashlib.sha256(normal(key).encode()).hexdigest()


def _escape(part: str) -> str:
    return part.replace("%", "%25").replace("/", "%2F")
