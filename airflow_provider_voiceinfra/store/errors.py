"""Errors of the call store. Messages say what is wrong and how to fix it."""

from __future__ import annotations

CREATE = "`airflow voiceinfra store migrate`"


class StoreError(Exception):
    """The call store cannot be used, or the request is invalid; the message says what to do."""


class StoreMissingError(StoreError):
    """There is no call store at ``[voiceinfra] call_store``."""

    def __init__(self, url: str) -> None:
        super().__init__(
            f"There is no call store at {url}. A task never creates one, because an empty store does not know "
            f"earlier calls. If this is a new installation and [voiceinfra] call_store is correct, run {CREATE} once; "
            "otherwise fix [voiceinfra] call_store, or mount the disk that it is on. Nothing was dialled."
        )


class StoreVersionError(StoreError):
    """The call store has the schema of another version of this package."""

    def __init__(self, url: str, found: str, wanted: str) -> None:
        older = found < wanted
        remedy = f"Run {CREATE}." if older else "Upgrade airflow-provider-voiceinfra here."
        super().__init__(
            f"The call store at {url} ([voiceinfra] call_store) has schema {found}, which is "
            f"{'older' if older else 'newer'} than this package's {wanted}. {remedy} Nothing was dialled."
        )


class StoreEncodingError(StoreError):
    """The database of the call store has an encoding that cannot store every string."""

    def __init__(self, url: str, found: str) -> None:
        super().__init__(
            f"The database of the call store at {url} ([voiceinfra] call_store) has the encoding {found}, which "
            "cannot store every string. Create a database with `CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0` "
            "and set [voiceinfra] call_store to it. If this one contains a call store, copy it with pg_dump and psql; "
            f"otherwise run {CREATE}. Nothing was dialled."
        )


class StoreValueError(StoreError):
    """The database of the call store rejects a value."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"The call store at {url} ([voiceinfra] call_store) rejected a value: {reason}.")


class StoreUnavailableError(StoreError):
    """The database of the call store cannot be reached, or returns an error."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(
            f"The call store at {url} cannot be used: {reason}. Check [voiceinfra] call_store, and that its "
            "database can be reached and written from here."
        )
