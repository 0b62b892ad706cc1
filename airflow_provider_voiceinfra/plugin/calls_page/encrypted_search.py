"""Encrypts the digits of a number in a URL, because servers and proxies log URLs."""

from __future__ import annotations

import base64
import hashlib

from airflow.sdk import conf
from cryptography.fernet import Fernet, InvalidToken

_PREFIX = "~"


def encrypt(text: str) -> str:
    """Encrypt a text for a URL; only API servers of this Airflow can read it."""
    return _PREFIX + _fernet().encrypt(text.encode()).decode()


def is_encrypted(text: str) -> bool:
    """Tell whether a text looks encrypted, whoever made it."""
    return text.startswith(_PREFIX)


def decrypt(text: str) -> str | None:
    """Decrypt a text; None if it was not encrypted by an API server of this Airflow."""
    try:
        return _fernet().decrypt(text.removeprefix(_PREFIX)).decode()
    except (InvalidToken, ValueError):
        return None


def _fernet() -> Fernet:
    # All API servers of an Airflow share this key.
    secret = hashlib.sha256(b"voiceinfra" + conf.get("api", "secret_key").encode()).digest()
    return Fernet(base64.urlsafe_b64encode(secret))
