"""Idempotency keys: our names for calls, known before the POST. One key, at most one call."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from airflow_provider_voiceinfra.calls.request import check_storable
from airflow_provider_voiceinfra.errors import InvalidCallError
from airflow_provider_voiceinfra.phone_numbers.e164 import BETWEEN_DIGITS, mask, number_digest
from airflow_provider_voiceinfra.store.hashing import hash_key, join_parts, normal
from airflow_provider_voiceinfra.store.models import Source


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """A key.

    :param text: the kind of key and its parts, escaped; it may contain a number, so only its hash is stored.
    :param label: the key for people, with masked phone numbers.
    :param own: whether the user chose it, so that it promises one call across runs and DAGs.
    :param clear: the clear of the task that redials once the earlier call has ended; 0 for none.
    :param attempt: 1, or more for a redial.
    """

    text: str = field(repr=False)
    label: str
    own: bool
    clear: int = 0
    attempt: int = 1

    @property
    def full_text(self) -> str:
        """The key with clear and attempt, as parts that no part of the text can be mistaken for."""
        clear = f"/clear-{self.clear}" if self.clear else ""
        attempt = f"/attempt-{self.attempt}" if self.attempt > 1 else ""
        return f"{self.text}{clear}{attempt}"


def own_key(key: str, *, to_number: str, clear: int = 0, attempt: int = 1) -> IdempotencyKey:
    """Make a key from the user's own.

    :raises InvalidCallError: if it is empty, for example because a template renders a missing value.
    """
    text = normal(key).strip() if isinstance(key, str) else ""
    if not text:
        raise InvalidCallError("idempotency_key is empty: give each call a string of its own, or omit it.")
    check_storable("idempotency_key", text)
    label = without_number(text, to_number)
    return IdempotencyKey(join_parts("own", text), label, own=True, clear=clear, attempt=attempt)


def task_key(source: Source, *, to_number: str, clear: int = 0, attempt: int = 1) -> IdempotencyKey:
    """Make the default key: the same for all tries of a task, and for a clear."""
    place = (source.dag_id, source.logical_run, source.task_id, source.map_index)
    return IdempotencyKey(
        join_parts("task", *place, number_digest(to_number)),
        "/".join(map(str, (*place, mask(to_number)))),
        own=False,
        clear=clear,
        attempt=attempt,
    )


def row_key(prefix: str, key: str, *, to_number: str, attempt: int = 1) -> IdempotencyKey:
    """Make the key of a list row with a key of its own, which holds in all lists with the same prefix."""
    check_storable("key_prefix", prefix)
    label = without_number(normal(f"{prefix.strip()}/{key}"), to_number)
    return IdempotencyKey(join_parts("row", prefix.strip(), key), label, own=True, attempt=attempt)


def nameless_row_key(list_id: str, *, to_number: str, attempt: int = 1) -> IdempotencyKey:
    """Make the key of a list row without one of its own: by number, in this list only."""
    key = join_parts("list", list_id, number_digest(to_number))
    return IdempotencyKey(key, f"{list_id}/{mask(to_number)}", own=True, attempt=attempt)


def notifier_key(run: Sequence[str], message: str, *, to_number: str) -> IdempotencyKey:
    """Make the default key of a notifier's call: one call per run, callee and message.

    :param run: identifies the run and its clear.
    :param message: the message before it is rendered.
    """
    which = hash_key(message)[:16]
    label = without_number("/".join(("notify", *run, mask(to_number), which)), to_number)
    return IdempotencyKey(join_parts("notify", *run, number_digest(to_number), which), label, own=True)


def without_number(text: str, number: str) -> str:
    """Mask a phone number in a string, however it is written. A hash beside a mask would reveal the number.

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
