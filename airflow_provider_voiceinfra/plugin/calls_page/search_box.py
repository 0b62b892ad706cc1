"""What the search box of the Calls page understands: one word or number, read in one way."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field

from fastapi import HTTPException

from airflow_provider_voiceinfra.plugin.calls_page.encrypted_search import decrypt, encrypt, is_encrypted
from airflow_provider_voiceinfra.plugin.calls_page.permissions import Permissions
from airflow_provider_voiceinfra.store.reads.call_filter import END_LENGTH

_METADATA = re.compile(r"[^:]+:.+", re.DOTALL)
_NAME = re.compile(r"\S+")


@dataclass(frozen=True, slots=True)
class Term:
    """What is searched for: one of a number's last digits, ``key:value`` of metadata, or a name.

    :param name: a ref, a ``call_id`` or a DAG.
    """

    digits: str | None = field(default=None, repr=False)
    metadata: str | None = field(default=None, repr=False)
    name: str | None = None

    @property
    def is_private(self) -> bool:
        """Whether it finds only calls whose content may be read: others are guessed by it."""
        return self.metadata is not None or (self.digits is not None and len(self.digits) > END_LENGTH)

    def shown_to(self, permissions: Permissions) -> str:
        """Return it, as far as somebody may see it who was only given the URL."""
        if self.is_private and not permissions.may_read_content(None):
            return self.digits[-END_LENGTH:] if self.digits else ""
        return self.digits or self.metadata or self.name or ""


NO_TERM = Term()


def read_term(text: str) -> Term:
    """Read what was entered.

    :raises HTTPException: 400, if it cannot be searched for.
    """
    # However a number is written: with typographic dashes, or digits of another script.
    digits = "".join(str(unicodedata.decimal(each)) for each in text if each.isdecimal())
    if digits and ":" not in text and not any(map(str.isalpha, text)):
        if len(digits) < END_LENGTH:
            raise HTTPException(400, "Enter at least the last four digits of a number.")
        return Term(digits=digits)
    if _METADATA.fullmatch(text):
        return Term(metadata=text)
    if _NAME.fullmatch(text):
        return Term(name=text)
    raise HTTPException(400, "Enter a ref, a call_id, the last digits of a number, a DAG, or key:value of metadata.")


def to_url(text: str) -> str:
    """Return what stands in the URL for what was entered, because servers log URLs.

    All but four digits is encrypted: a name may turn out to contain a number, such as ``14155550100x5``.

    :raises HTTPException: 400, if it cannot be searched for.
    """
    term = read_term(text)
    return encrypt(text) if term.is_private or term.name else text


def from_url(text: str) -> Term:
    """Read what stands in a URL.

    :raises HTTPException: 400, if it cannot be searched for, or is private and not encrypted.
    """
    if is_encrypted(text):
        return read_term(decrypt(text) or "")
    term = read_term(text)
    if term.is_private:
        raise HTTPException(400, "Use the form to search for this: it keeps it out of the URL.")
    return term
