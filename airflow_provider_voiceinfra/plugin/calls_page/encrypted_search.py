"""Digits of a number in the address of a page: sealed, because servers and proxies log addresses."""

from __future__ import annotations

import base64
import hashlib

from airflow.sdk import conf
from cryptography.fernet import Fernet, InvalidToken

_PREFIX = "~"


def encrypt(text: str) -> str:
    """Write something for an address so that only an API server of this Airflow reads it."""
    return _PREFIX + _fernet().encrypt(text.encode()).decode()


def is_encrypted(text: str) -> bool:
    """Tell whether something was written like this, by whomever."""
    return text.startswith(_PREFIX)


def decrypt(text: str) -> str | None:
    """Read it; None where none of our servers has written it."""
    try:
        return _fernet().decrypt(text.removeprefix(_PREFIX)).decode()
    except (InvalidToken, ValueError):
        return None


def _fernet() -> Fernet:
    # All API servers of an Airflow have this in common, and nobody else has it.
    secret = hashlib.sha256(b"voiceinfra" + conf.get("api", "secret_key").encode()).digest()
    return Fernet(base64.urlsafe_b64encode(secret))
