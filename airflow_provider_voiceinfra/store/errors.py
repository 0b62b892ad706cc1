"""What can be wrong with the call store, said so that a person can mend it."""

from __future__ import annotations

CREATE = "`airflow voiceinfra store migrate`"


class StoreError(Exception):
    """The call store cannot be used, or not like this; says what to do."""


class StoreMissingError(StoreError):
    """There is no call store where ``[voiceinfra] call_store`` points."""

    def __init__(self, url: str) -> None:
        super().__init__(
            f"There is no call store at {url}. A task never creates one, because an empty store would not "
            "know who has been called already. If [voiceinfra] call_store names the right place and this is "
            f"a new installation, create it once with {CREATE}; otherwise mend [voiceinfra] call_store, or "
            "mount the disk that it is on. Nothing was dialled."
        )


class StoreVersionError(StoreError):
    """The call store was made by another version of this package."""

    def __init__(self, url: str, found: str, wanted: str) -> None:
        older = found < wanted
        remedy = f"Run {CREATE}." if older else "Upgrade airflow-provider-voiceinfra here."
        super().__init__(
            f"The call store at {url} ([voiceinfra] call_store) has schema {found}, which is "
            f"{'older' if older else 'newer'} than this package's {wanted}. {remedy} Nothing was dialled."
        )


class StoreEncodingError(StoreError):
    """The database of the call store has an encoding that cannot keep every text."""

    def __init__(self, url: str, found: str) -> None:
        super().__init__(
            f"The database of the call store at {url} ([voiceinfra] call_store) has the encoding {found}, which does "
            "not keep every name and text as it is. Create a database with `CREATE DATABASE … ENCODING 'UTF8' TEMPLATE "
            "template0` and name it in [voiceinfra] call_store. If this one holds a call store, copy it there with "
            f"pg_dump and psql; otherwise run {CREATE}. Nothing was dialled."
        )


class StoreRefusesError(StoreError):
    """The database of the call store refuses a value."""

    def __init__(self, url: str, why: str) -> None:
        super().__init__(f"The call store at {url} ([voiceinfra] call_store) refuses what was to be kept: {why}.")


class StoreUnavailableError(StoreError):
    """The database of the call store does not answer, or answers with an error."""

    def __init__(self, url: str, why: str) -> None:
        super().__init__(
            f"The call store at {url} cannot be used: {why}. Check [voiceinfra] call_store and that its "
            "database can be reached and written from here."
        )
