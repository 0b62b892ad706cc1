"""Which calls a transfer copies: those of a list, or all that have changed since a time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from airflow.sdk.exceptions import AirflowFailException

from airflow_provider_voiceinfra import arguments

if TYPE_CHECKING:
    from airflow_provider_voiceinfra.store.reads.attempts import Attempt


def check_which(list_id: object, since: object) -> None:
    """Check the two arguments when a DAG is parsed.

    :raises TypeError: if one is of another type.
    :raises ValueError: if not exactly one is given.
    """
    if (list_id is None) == (since is None):
        raise ValueError("give either list_id or since")
    arguments.strings(list_id=list_id)
    if not isinstance(since, datetime):
        arguments.strings(since=since)


def read_attempts(list_id: str | None, since: datetime | str | None) -> Iterator[list[Attempt]]:
    """Yield the attempts of calls in pages.

    :raises AirflowFailException: if the list is missing, or the time is invalid.
    """
    from airflow_provider_voiceinfra.config import call_store

    if since is not None:
        return call_store().attempts.changed_since(_time(since))
    if not isinstance(list_id, str) or not list_id:
        raise AirflowFailException(
            "list_id is missing: the upstream task may not have started its list. Pass its XCom list_id, such as "
            'call_list.output["list_id"].'
        )
    return call_store().attempts.of_list(list_id)


def _time(given: datetime | str) -> datetime:
    try:
        time = datetime.fromisoformat(given.strip()) if isinstance(given, str) else given
    except ValueError:
        raise AirflowFailException(
            f"since is {given!r}, which is not a valid time: write it like 2026-11-23T15:00Z."
        ) from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)
