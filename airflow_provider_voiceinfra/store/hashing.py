"""Keys made of parts: different parts make different keys, and Unicode forms of a string make the same key."""

from __future__ import annotations

import hashlib
import unicodedata


def join_parts(*parts: object) -> str:
    """Join parts into one key. The parts are escaped, so that different parts make different keys."""
    return "/".join(_escape(normal(str(part))) for part in parts)


def normal(text: str) -> str:
    """Return a string in Unicode's normal form C: databases and operating systems encode ``é`` in two ways."""
    return unicodedata.normalize("NFC", text)


def hash_key(key: str) -> str:
    """Return the hash of a key, which may contain a number."""
    return hashlib.sha256(normal(key).encode()).hexdigest()


def _escape(part: str) -> str:
    return part.replace("%", "%25").replace("/", "%2F")
