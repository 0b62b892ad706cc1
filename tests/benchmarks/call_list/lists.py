"""The lists that are dialled and planned: a plain one, and one with the rules that a team would set."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from itertools import islice
from typing import Any

from airflow_provider_voiceinfra.calls.account import Account
from airflow_provider_voiceinfra.guard.limits import Limits
from airflow_provider_voiceinfra.lists.column_mapping import ColumnMapping
from airflow_provider_voiceinfra.lists.source_rows import CallDefaults
from airflow_provider_voiceinfra.policies import CallingHours, Redial, RedialRule, Variant
from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.store.guard.rules import Cap
from airflow_provider_voiceinfra.store.models import Source

TASK = Source("benchmark", "run", "run", "call")
CONN_ID = "voiceinfra_default"
_AT_ONCE = 500
_MANY = 10_000_000


@dataclass(frozen=True, slots=True)
class ListSetup:
    """How a list is read and dialled.

    :param person: makes a row of its source.
    :param not_called: the numbers that are on the do-not-call list, of so many rows.
    """

    columns: ColumnMapping
    defaults: Callable[..., CallDefaults]
    person: Callable[[int], dict[str, Any]]
    limits: Limits = field(default_factory=Limits)
    redial: Redial | None = None
    not_called: Callable[[int], list[str]] = lambda _: []

    def account(self, url: str) -> Account:
        """Describe the sandbox's account."""
        sender = {"agent_id": "agent_sandbox", "from_number": "+14155550199"}
        return Account(CONN_ID, url, "sandbox-key", CONN_ID, limits=self.limits, **sender)

    def read(self, store: CallStore, template: CallDefaults, people: Iterable[Mapping[str, Any]]) -> str:
        """Read rows into the list of a store, if it is not read yet; gives its id."""
        list_id = store.lists.open(TASK)
        if store.lists.is_imported(list_id, 0):
            return list_id
        rows = (template.read(position, row, self.columns) for position, row in enumerate(people, 1))
        import_version = store.lists.begin_import(list_id)
        while batch := list(islice(rows, _AT_ONCE)):
            store.lists.add(list_id, batch, import_version)
        store.lists.finish_import(list_id, import_version, 0)
        return list_id


def number_of(row: int) -> str:
    """Return each row a number of its own, for which the sandbox has no surprise."""
    return f"+1212{2_000_000 + row}"


def _plain_person(row: int) -> dict[str, Any]:
    return {"to_number": number_of(row), "name": f"Person {row}"}


def _patient(row: int) -> dict[str, Any]:
    home = f"+1646{2_000_000 + row}"
    return {"id": row, "mobile": number_of(row), "home": home, "name": f"Person {row}", "urgency": row % 5}


def _team_defaults(account: Account, **more: Any) -> CallDefaults:
    return CallDefaults(
        account,
        key_prefix="benchmark",
        calling_hours=CallingHours.parse("mon-sun 00:00-24:00; closed 2020-01-01; America/New_York"),
        max_calls_per_number=(Cap(3, timedelta(days=7)),),
        variants={
            "short": Variant(first_message="Hello {name}."),
            "long": Variant(first_message="Hello {name}, this is the clinic.", context="{name} has an appointment."),
        },
        **more,
    )


PLAIN = ListSetup(
    ColumnMapping(variable_columns=("name",)), partial(CallDefaults, key_prefix="benchmark"), _plain_person
)

TEAM = ListSetup(
    ColumnMapping(
        {"to_number": ["mobile", "home"]},
        variable_columns=("name",),
        metadata_columns=("id",),
        key_column="id",
        priority_column="urgency",
        text_columns=("name",),
    ),
    _team_defaults,
    _patient,
    Limits(max_calls_per_day=_MANY, max_in_flight=_MANY, max_calls_per_number=(Cap(5, timedelta(days=30)),)),
    Redial(
        rules={
            "voicemail": RedialRule(attempts=2, wait=timedelta(days=1)),
            "failed": RedialRule(attempts=4, wait=[timedelta(minutes=30), timedelta(hours=4)]),
            "no_goal": RedialRule(attempts=2),
        },
        attempts=5,
        goal="confirmed",
        callback_field="call_back_at",
        next_number=True,
    ),
    # They are called at home.
    lambda rows: [number_of(row) for row in range(0, rows, 10)],
)
"""Redial rules, calling hours, caps, limits, variants, priorities, several numbers and a do-not-call list."""
