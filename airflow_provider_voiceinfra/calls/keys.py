"""Idempotency keys: our names for calls, known before the POST. One key, at most one call."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from airflow_provider_voiceinfra.calls.errors import InvalidCallError
from airflow_provider_voiceinfra.calls.numbers import BETWEEN_DIGITS, hash_number, mask
from airflow_provider_voiceinfra.calls.request import check_storable
from airflow_provider_voiceinfra.store.records import Source


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """A key.

    :param text: the whole key; it may hold a number, and is only stored as a hash.
    :param label: the key for people to read, phone numbers in it masked.
    :param own: whether the user chose it, so that it promises one call across runs and DAGs.
    :param clear: which clear of the task asks to call again once the earlier call has ended; 0 for none.
    :param attempt: 1, or more for a redial.
    """

    text: str = field(repr=False)
    label: str
    own: bool
    clear: int = 0
    attempt: int = 1

    @property
    def full_text(self) -> str:
        """The key with clear and attempt in it."""
        clear = f"/clear-{self.clear}" if self.clear else ""
        attempt = f"/attempt-{self.attempt}" if self.attempt > 1 else ""
        return f"{self.text}{clear}{attempt}"


def own_key(key: str, *, to_number: str, clear: int = 0, attempt: int = 1) -> IdempotencyKey:
    """Make a key of what the user chose.

    :raises InvalidCallError: if it is empty, which a template over a missing value can make it.
    """
    text = key.strip() if isinstance(key, str) else ""
    if not text:
        raise InvalidCallError("idempotency_key is empty: give each call a text of its own, or leave it out.")
    check_storable("idempotency_key", text)
    return IdempotencyKey(f"own:{text}", without_number(text, to_number), own=True, clear=clear, attempt=attempt)


def task_key(source: Source, *, to_number: str, clear: int = 0, attempt: int = 1) -> IdempotencyKey:
    """Make the default key: the same for all tries of a task, and for a clear."""
    place = "/".join(map(str, (source.dag_id, source.run, source.task_id, source.map_index)))
    return IdempotencyKey(
        f"task:{place}/{hash_number(to_number)}",
        f"{place}/{mask(to_number)}",
        own=False,
        clear=clear,
        attempt=attempt,
    )


def without_number(text: str, number: str) -> str:
    """Mask a phone number in a text, however it is written there. A hash beside a mask would tell the number.

    :param number: the number to look for; any other that starts with ``+`` is replaced too.
    """
    digits = re.sub(r"\D", "", number)
    # The number with or without its country code, however it is written.
    starts = range(min(4, len(digits) - 6))
    if not starts or digits[starts[-1] :] not in re.sub(r"\D", "", text):
        starts = range(0)
    for start in starts:
        pattern = BETWEEN_DIGITS.join(digits[start:])
        text, found = re.subn(rf"\+?\(?{pattern}", mask(number), text)
        if found:
            break
    return re.sub(r"\+\d{7,15}", lambda match: mask(match[0]), text)
