"""Describes the rows of a list that are set aside."""

from __future__ import annotations

import re
from collections import Counter
from itertools import islice

from airflow_provider_voiceinfra.calls.keys import without_number
from airflow_provider_voiceinfra.phone_numbers.e164 import REASONS, mask
from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.store.lists.list_pages import ListRow
from airflow_provider_voiceinfra.store.lists.row_values import RowState

_NAMED = 10
# By itself, not within a word or a UUID.
_MAYBE_A_NUMBER = re.compile(r"(?<![\w-])\d(?:[ ()./-]{0,2}\d){8,14}(?![\w-])", re.ASCII)
_NO_COUNTRY_CODE = "Most numbers have no country code: set default_region, such as US, if they are of one country."
_REMEDIES = {
    "invalid_key": "A key is a string or a whole number: cast its column to one of them in the query.",
    "duplicate_key": "Another row has this key. If both are to be called, let key_column name what differs.",
    "duplicate_number": "Another row is called at this number. Join the rows of a callee in the query.",
    **{reason: f"The number {what}" for reason, what in REASONS.items()},
}


def describe_set_aside(store: CallStore, list_id: str, reasons: Counter[str], total: int) -> str:
    """Count the rows by reason, name the first ones, and say where to find all of them."""
    aside = reasons.total()
    counted = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))
    parts = [f"{aside} of {total} rows of list {list_id} are set aside: {counted}."]
    if reasons["no_country_code"] * 2 > aside:
        parts.append(_NO_COUNTRY_CODE)
    if reasons["invalid_key"]:
        parts.append(_REMEDIES["invalid_key"])
    first = islice(store.list_pages.rows(list_id, RowState.SET_ASIDE), _NAMED)
    parts.append(f"{'They are' if aside <= _NAMED else 'The first ones are'} {', '.join(map(_name, first))}.")
    parts.append(
        f"All of them are on the list's page (Calls, Lists, {list_id}), also as CSV; in the output of "
        f"`airflow voiceinfra lists rows {list_id} --state set_aside` and in "
        f"VoiceInfraHook().iter_list_rows({list_id!r}, state='set_aside')."
    )
    return " ".join(parts)


def remedy(reason: str) -> str:
    """Return what to fix in rows that are set aside for a reason."""
    field = reason.removeprefix("invalid_")
    return _REMEDIES.get(reason, f"Fix {field} of the row, or the column that it is read from.")


def _name(row: ListRow) -> str:
    """Name a row by its key and its position. A key may be a phone number."""
    if row.key is None:
        return f"row {row.position} ({row.result})"
    shown = _MAYBE_A_NUMBER.sub(lambda found: mask(found[0]), without_number(row.key, row.to_number))
    return f"{shown!r} in row {row.position} ({row.result})"
