"""Verifies a webhook's signature over the raw bytes."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable

HEADER = "X-VoiceInfra-Signature"

_BYTES = hashlib.sha256().digest_size


def fits(body: bytes, signature: str | None, secrets: Iterable[str]) -> bool:
    """Return whether a body was signed with one of the secrets.

    VoiceInfra does not document the encoding: hex in either case, with or without ``sha256=``, and base64 are
    taken. The 32 bytes are compared in constant time.

    :param body: as received, before anything is parsed.
    :param signature: the header's value.
    :param secrets: the current secret, and during a rotation the previous one.
    """
    given = decode(signature)
    if given is None:
        return False
    found = False
    for secret in secrets:
        # All are compared, so that the time does not reveal which one matched.
        found |= hmac.compare_digest(given, hmac.digest(secret.encode(), body, "sha256"))
    return found


def decode(signature: str | None) -> bytes | None:
    """Decode a signature; None if it cannot be one."""
    text = (signature or "").strip()
    if text[:7].lower() == "sha256=":
        text = text[7:]
    try:
        given = bytes.fromhex(text) if len(text) == 2 * _BYTES else base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        return None
    return given if len(given) == _BYTES else None
