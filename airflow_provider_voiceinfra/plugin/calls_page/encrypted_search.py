"""Encrypts the digits of a number in a URL, because servers and proxies log URLs."""

from __future__ import annotations

import base64
import hashlib

from airflow.sdk import conf
from cryptography.fernet import Fernet, InvalidToken

_PREFIX = "~"


def encrypt(text: str) -> str:
    """Encrypt a string for a URL; only API servers of this Airflow can decrypt it."""
    return _PREFIX + _fernet().encrypt(text.encode()).decode()


def is_encrypted(text: str) -> bool:
    """Return whether a string looks encrypted."""
    return text.startswith(_PREFIX)


def decrypt(text: str) -> str | None:
    """Decrypt a string; None if it was not encrypted by an API server of this Airflow."""
    try:
        return _fernet().decrypt(text.removeprefix(_PREFIX)).decode()
    except (InvalidToken, ValueError):
        return None


def _fernet() -> Fernet:
    # All API servers of an Airflow share this key.
    secret = hashlib.sha256(b"voiceinfra" + conf.get("api", "secret_key").encode()).digest()
    return Fernet(base64.urlsafe_b64encode(secret))
