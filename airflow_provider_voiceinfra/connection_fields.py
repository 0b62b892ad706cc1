"""The extra fields of a connection, read the same way by tasks and by the receiver, in Airflow and outside."""

from __future__ import annotations

import difflib
import functools
import json
import logging
import re
from collections.abc import Mapping
from typing import Any

from airflow_provider_voiceinfra.get_provider_info import get_provider_info

log = logging.getLogger(__name__)

KNOWN_FIELDS = frozenset(get_provider_info()["connection-types"][0]["conn-fields"])
"""The names of the fields in the connection form."""

_ALIKE = 0.75
_LONGEST_NAME = 64
# The prefix that older versions of Airflow give to form fields.
_PREFIX = re.compile("^extra__[a-z]+__")


class ExtraFieldsError(ValueError):
    """The extra fields are invalid. The message names the field and the fix, and contains no value."""


def read_fields(extra: object, *, conn_id: str) -> dict[str, Any]:
    """Read the extra fields, with strings stripped of surrounding white space.

    :param extra: the connection's: JSON, or an object.
    :raises ExtraFieldsError: if it is not an object, because a lost limit must not pass for no limit.
    """
    if isinstance(extra, str):
        try:
            extra = json.loads(extra) if extra.strip() else None
        except (ValueError, RecursionError):
            raise ExtraFieldsError(
                f"The extra of connection {conn_id!r} is not JSON (a trailing comma or single quotes, perhaps), so "
                "its limits cannot be read. Nothing is dialled before it is fixed."
            ) from None
    if extra is None:
        return {}
    if not isinstance(extra, Mapping):
        raise ExtraFieldsError(
            f'The extra of connection {conn_id!r} must be a JSON object such as {{"agent_id": "…"}}, not '
            f"{type(extra).__name__}. Nothing is dialled before it is fixed."
        )
    return {str(name): value.strip() if isinstance(value, str) else value for name, value in extra.items()}


def check_names(fields: Mapping[str, Any], *, conn_id: str) -> None:
    """Check that no field is misspelt, because its limit would be ignored.

    An unknown field that resembles no known one is logged once.

    :raises ExtraFieldsError: if an unknown field resembles a known one.
    """
    for name in sorted(fields.keys() - KNOWN_FIELDS):
        resembled, shown = _resembled(name), ascii(name[:_LONGEST_NAME])
        if resembled is not None:
            raise ExtraFieldsError(
                f"The extra field {shown} of connection {conn_id!r} is not known; is {resembled!r} meant? Nothing is "
                "dialled before it is renamed or removed."
            )
        warn_once(f"The extra field {shown} of connection {conn_id!r} is not known, and is ignored.")


def webhook_secrets(extra: object, *, conn_id: str) -> list[str]:
    """Read a webhook's secrets, the current one first.

    A misspelt field is only logged, so that completions are still accepted.

    :raises ExtraFieldsError: if the extra fields cannot be read at all.
    """
    fields = read_fields(extra, conn_id=conn_id)
    try:
        check_names(fields, conn_id=conn_id)
    except ExtraFieldsError as error:
        warn_once(str(error))
    values = (fields.get(name) for name in ("webhook_secret", "webhook_secret_previous"))
    return ["" if value is None else str(value) for value in values]


@functools.lru_cache(maxsize=1_000)
def warn_once(message: str) -> None:
    """Log a warning, once in a process."""
    log.warning("%s", message)


def _resembled(name: str) -> str | None:
    words, joined = _words(name), {"".join(known.split("_")): known for known in sorted(KNOWN_FIELDS)}
    found = difflib.get_close_matches("".join(words), joined, n=1, cutoff=_ALIKE)
    # calls_per_minute, for example, has no wrong letter, but limits nothing.
    shared = (known for known in joined.values() if len(set(words) & set(known.split("_"))) > 1)
    return joined[found[0]] if found else next(shared, None)


def _words(name: str) -> list[str]:
    """Split a name into words, joined by underscores, hyphens, spaces or capitals."""
    parts = re.split(r"[^A-Za-z0-9]+|(?<=[a-z0-9])(?=[A-Z])", _PREFIX.sub("", name.strip()))
    return [part.lower() for part in parts if part]
