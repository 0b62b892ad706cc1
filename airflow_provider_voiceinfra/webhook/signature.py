"""Who sent a webhook: its signature over the raw bytes."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable

HEADER = "X-VoiceInfra-Signature"


class SignatureError(Exception):
    """The signature is missing or made with another secret."""


def verify(body: bytes, signature: str | None, secrets: Iterable[str]) -> None:
    """Check that a body was signed with one of the secrets.

    VoiceInfra does not document the encoding: hex in either case, with or without ``sha256=``, and base64 are
    taken. The 32 bytes are compared in constant time.

    :param body: as received, before anything is parsed.
    :param signature: the header's value.
    :param secrets: the present secret, and during a rotation the previous one.
    :raises SignatureError: if none fits.
    """
    given = _decode(signature or "")
    fits = False
    for secret in secrets:
        # All are compared, so that the time does not tell which one fitted.
        fits |= hmac.compare_digest(given, hmac.digest(secret.encode(), body, hashlib.sha256))
    if not fits:
        raise SignatureError


def _decode(signature: str) -> bytes:
    text = signature.strip()
    if text[:7].lower() == "sha256=":
        text = text[7:]
    try:
        return bytes.fromhex(text) if len(text) == 64 else base64.b64decode(text, validate=True)  # noqa: PLR2004
    except (ValueError, binascii.Error):
        raise SignatureError from None
