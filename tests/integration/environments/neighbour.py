"""An environment that has every kind of row, and what another one must never show of it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.store.claims.results import ClaimResult
from airflow_provider_voiceinfra.store.feed.completed_calls import CompletionFilter
from airflow_provider_voiceinfra.store.guard.pauses import Scope
from airflow_provider_voiceinfra.store.guard.rules import Rules
from airflow_provider_voiceinfra.store.lists.row_values import NewRow, RowState
from airflow_provider_voiceinfra.store.models import CallState, Source
from airflow_provider_voiceinfra.store.watch.deadlines import Deadlines
from tests.support.store_samples import claim, claim_request, deliver, delivery, queued

RULES = Rules(max_calls_per_day=1_000)
SHARED = {"store", "do_not_call", "do_not_call_event", "completed_call", "disputed_call_id"}
"""Tables that belong to no environment, whose rows any reader may change: they hold no words but the list's own."""
OF_RECEIVER = {"quarantine", "rejected_webhook", "forward"}
"""Tables of what came by a webhook, and is of nobody's call as far as is known."""


@dataclass(frozen=True)
class Neighbour:
    """What is where in an environment."""

    environment: str
    mark: str
    dag: str
    number: str
    list_id: str
    pause_id: int
    refs: dict[str, str]

    def ref(self, state: str) -> str:
        return self.refs[state]

    def call_id(self, state: str) -> str:
        return f"{self.mark}-{state}"

    def given_away(self, store: CallStore, said: str, asked: Collection[str] = ()) -> set[str]:
        """Find in what was said what is this environment's own; what was asked for by name may be named."""
        found = {word for word in self.words(store) if word in said}
        return {word for word in found if not any(word.strip("•") in each for each in asked)}

    def words(self, store: CallStore) -> set[str]:
        """All that tells this environment's rows from others."""
        words = {self.mark, self.number, f"•••{self.number[-4:]}"}
        for table, rows in self.snapshot(store).items():
            for row in rows:
                words |= {row._mapping[name] for name in ("ref", "list_id", "key_hash") if name in row._mapping}
                if table == "completion":
                    words.add(row.digest.hex())
                if table == "call_list":
                    words.add(row.id)
        return {word for word in words if word}

    def snapshot(self, store: CallStore) -> dict[str, list[Any]]:
        """Every row that belongs to this environment, by table."""
        call, row, listed = schema.call.c, schema.call_list_row.c, schema.call_list.c
        calls = sa.select(call.id).where(call.environment == self.environment)
        call_ids = sa.select(call.call_id).where(call.environment == self.environment)
        lists = sa.select(listed.id).where(listed.environment == self.environment)
        belongs = {
            "call_event": schema.call_event.c.call.in_(calls),
            "call_requester": schema.call_requester.c.call.in_(calls),
            "call_metadata": schema.call_metadata.c.call.in_(calls),
            "completion": schema.completion.c.call_id.in_(call_ids),
            "call_list_row": row.list_id.in_(lists),
            **dict.fromkeys(OF_RECEIVER, sa.true()),
        }
        found = {}
        for table in schema.metadata.sorted_tables:
            name = table.name.removeprefix("voiceinfra_")
            if name in SHARED:
                continue
            # A new table must say here to whom its rows belong.
            mine = table.c.environment == self.environment if "environment" in table.c else belongs[name]
            with store.database.read() as tx:
                query = sa.select(table).where(mine).order_by(*table.primary_key.columns)
                found[name] = list(tx.execute(query).all())
        return found


def fill(store: CallStore, mark: str, last_digits: str) -> Neighbour:
    """Return an environment rows of every kind.

    :param mark: a word in every name and every text of it.
    :param last_digits: of all its numbers.
    """
    dag, number, refs = f"{mark}_dag", f"+1415555{last_digits}", {}
    fields: dict[str, Any] = {
        "to_number": number,
        "agent_id": f"{mark}_agent",
        "request": {"context": f"{mark} context"},
        "metadata": {"reason": f"{mark} metadata"},
        "source": Source(dag, f"{mark}_run", f"{mark}_run", f"{mark}_task"),
    }

    def take(state: str, **changes: Any) -> ClaimResult:
        return store.claims.take(claim_request(f"{mark}-{state}", **(fields | changes), rules=RULES))

    def placed(state: str) -> None:
        refs[state] = queued(store, f"{mark}-{state}", **fields).ref

    def told(state: str, **more: Any) -> None:
        said = {"to_number": number, "summary": f"{mark} summary", "transcript": f"Agent: {mark} transcript"}
        deliver(store, f"{mark}-{state}", **(said | more))

    def denied(state: str, **changes: Any) -> None:
        result = take(state, **changes)
        assert result.denied is not None, result
        refs[state] = result.denied.ref

    placed("queued")
    placed("overdue")
    store.claims.record_overdue(f"{mark}-overdue")
    placed("completed")
    told("completed")
    told("completed", summary=f"{mark} second summary")
    for state in ("unknown", "not_placed"):
        ours = claim(store, f"{mark}-{state}", **fields, rules=RULES)
        assert store.claims.request_permit(ours).permit
        store.claims.record_unknown(ours, f"{mark} was lost")
        refs[state] = ours.ref
    store.resolutions.not_placed(refs["not_placed"], actor=f"{mark}_ada")
    for state in ("claimed", "released", "rejected"):
        refs[state] = claim(store, f"{mark}-{state}", **fields, rules=RULES).ref
        ours = claim(store, f"{mark}-{state}-too", **fields)
        if state == "released":
            store.claims.release(ours, f"{mark} gave up")
        if state == "rejected":
            store.claims.record_rejected(ours, "invalid_phone", f"{mark} is wrong")
    store.claims.record_conflict(refs["queued"], "idempotency_key", fields=f"{mark}_context")
    held = {scope: f"{mark}_held_{scope}" for scope in (Scope.AGENT, Scope.DAG)}
    pause_id = store.pauses.pause(Scope.AGENT, held[Scope.AGENT], reason=f"{mark} why", actor=f"{mark}_ada")
    denied("waiting", agent_id=held[Scope.AGENT])
    store.pauses.pause(Scope.DAG, held[Scope.DAG], reason=f"{mark} why", actor=f"{mark}_ada")
    denied("cancelled", source=Source(held[Scope.DAG], "run", "run", "task"))
    store.pauses.resume(Scope.DAG, held[Scope.DAG], actor=f"{mark}_ada", cancel=True)
    denied("do_not_call", to_number=_listed(store, last_digits))
    placed("opted_out")
    told("opted_out", extracted={"do_not_call": True})
    list_id = _make_list(store, mark, fields, last_digits)
    with store.cursors.calls(f"{mark}_cursor", CompletionFilter(), datetime.now(UTC) - timedelta(days=1)) as calls:
        assert {call.state for call in calls} == {CallState.COMPLETED}
    Deadlines(store).of_task(fields["source"], timedelta(hours=2))
    store.deliveries.keep([delivery(f"{{broken {mark}".encode())])
    store.rejected_webhooks.add("voiceinfra_default", 3)
    return Neighbour(store.environment, mark, dag, number, list_id, pause_id, refs)


def _listed(store: CallStore, last_digits: str) -> str:
    number = f"+1415557{last_digits}"
    store.do_not_call.add([number], actor="ada", reason="asked by mail")
    return number


def _make_list(store: CallStore, mark: str, fields: dict[str, Any], last_digits: str) -> str:
    list_id = store.lists.open(Source(f"{mark}_dag", f"{mark}_run", f"{mark}_run", f"{mark}_list"))
    import_version = store.lists.begin_import(list_id)
    numbers = [f"+1{area}5550{last_digits[1:]}" for area in (212, 310, 646)]
    rows = [
        NewRow(at, f"{mark}-row-{at}", each, {"context": f"{mark} row"}, {"reason": f"{mark} row"})
        for at, each in enumerate(numbers, 1)
    ]
    rows.append(NewRow(9, f"{mark}-row-1", numbers[0], {"context": f"{mark} row"}, {}))
    store.lists.add(list_id, rows, import_version)
    store.lists.finish_import(list_id, import_version, 0)
    opened, ended, _ = store.list_rows.due(list_id, datetime.now(UTC) + timedelta(days=1), 9)
    ours = queued(store, f"{mark}-of-list", **fields | {"to_number": numbers[0], "list_id": list_id})
    store.list_rows.called(opened, ours.ref)
    store.list_rows.done(ended, "answered", ours.ref)
    states = {state for state, _ in store.lists.counts(list_id)}
    assert states == {RowState.OPEN, RowState.DONE, RowState.PENDING, RowState.SET_ASIDE}
    return list_id
