"""What staging reads by the hook, a cursor, a sensor or a trigger is its own, or nobody's."""

from __future__ import annotations

import asyncio
import inspect
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from airflow_provider_voiceinfra.hooks.voiceinfra import VoiceInfraHook
from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.errors import StoreError
from airflow_provider_voiceinfra.store.watch.watcher import (
    wait_for_completions,
    wait_until_resumed,
    wait_until_settled,
)
from airflow_provider_voiceinfra.triggers.call_completed_event import CallCompletedEventTrigger
from airflow_provider_voiceinfra.triggers.call_completion import CallCompletionTrigger
from tests.dags import waiting
from tests.support.store_samples import claim, deliver, queued

LONG_AGO = datetime.now(UTC) - timedelta(days=1)
PLACES_CALLS = {"place", "place_call", "test_connection"}


def reads(hook, production):
    """Ask each of the hook's methods for production's. A new one must say it here."""

    def all_of(block):
        with block as found:
            return list(found)

    states = ["completed", "unknown", "queued"]
    return {
        "get_call": lambda: [
            *(hook.get_call(production.ref(state)) for state in states),
            *(hook.get_call(production.call_id(state)) for state in states),
        ],
        "iter_calls": lambda: [
            *hook.iter_calls(),
            *hook.iter_calls(list_id=production.list_id),
            *hook.iter_calls(dag_id=production.dag, state="completed"),
        ],
        "iter_list_rows": lambda: [*hook.iter_list_rows(production.list_id)],
        "completed_calls": lambda: [
            all_of(hook.completed_calls(cursor=name, since=LONG_AGO)) for name in ("mine", f"{production.mark}_cursor")
        ],
        "foreign_completions": lambda: all_of(hook.foreign_completions(cursor="foreign", since=LONG_AGO)),
    }


def everything(found):
    """Return all that is known of what was read, words and payloads included."""
    if isinstance(found, list):
        return "".join(map(everything, found))
    fields = {name: getattr(found, name) for name in getattr(type(found), "__slots__", ())}
    return "".join(map(everything, fields.values())) if fields else str(found)


def test_no_method_of_the_hook_gives_what_is_another_environments(as_staging, production, staging, production_store):
    deliver(production_store, "foreign", summary="nobody's words")
    kept, hook = production.snapshot(production_store), VoiceInfraHook()
    asked = reads(hook, production)
    methods = {
        name for name, each in vars(VoiceInfraHook).items() if inspect.isfunction(each) and not name.startswith("_")
    }
    assert methods - PLACES_CALLS == set(asked), "a new method must say how it is tried here"
    for name, read in asked.items():
        said = everything(read())
        assert not production.given_away(production_store, said), (name, said)
        assert (staging.mark in said) == (name in {"iter_calls", "completed_calls"})
    assert production.snapshot(production_store) == kept


def test_no_reader_of_rows_gives_what_is_another_environments(staging_store, production):
    """What pages and operators ask, by the id of a list, a hold or a call."""
    list_id, ref, store = production.list_id, production.ref("claimed"), staging_store
    assert store.list_pages.get(list_id) is None
    assert list(store.list_pages.rows(list_id)) == []
    assert not store.lists.counts(list_id)
    assert store.lists.refs(list_id, ["answered"]) == []
    assert store.pages.deliveries(production.call_id("completed")) == []
    assert store.calls.completion(production.call_id("completed")) is None
    assert store.claims.settled(production.refs.values()) == set()
    with pytest.raises(StoreError, match="There is no call list"):
        store.attempts.of_list(list_id)
    assert [each for page in store.attempts.changed_since(LONG_AGO) for each in page] == []
    assert store.pauses.in_force() == []
    for change in (store.claims.expire, lambda ref: store.claims.record_conflict(ref, "rule")):
        with pytest.raises(sa.exc.NoResultFound):
            change(ref)


def test_a_wait_is_not_woken_by_another_environments_call(staging_store, production):
    waits = [
        wait_for_completions(staging_store, [production.call_id("completed")]),
        wait_until_settled(staging_store, production.ref("completed")),
        wait_until_resumed(staging_store, production.pause_id),
    ]

    async def none_is_over():
        tasks = [asyncio.ensure_future(each) for each in waits]
        # They are looked up with the first one at the latest, and that look is over before the second one's.
        for call_id in ("foreign-1", "foreign-2"):
            assert await wait_for_completions(staging_store, [call_id]) == {call_id: "answered"}
        assert not [each for each in tasks if each.done()]
        for each in tasks:
            each.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    with staging_store.database.write() as tx:
        tx.execute(sa.update(schema.pause).values(resumed_at=datetime.now(UTC)))
    for call_id in ("foreign-1", "foreign-2"):
        deliver(staging_store, call_id)
    asyncio.run(none_is_over())


def test_a_trigger_of_staging_does_not_see_that_productions_call_has_ended(as_staging, production):
    soon = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()

    async def first(trigger):
        return (await anext(trigger.run())).payload

    event = asyncio.run(first(CallCompletionTrigger([production.call_id("completed")], soon)))
    assert (event["status"], event["outcomes"]) == ("timeout", {})


def test_an_event_trigger_of_staging_fires_for_its_own_and_for_nobodys(as_staging, production, staging_store):
    queued(staging_store, "ours", to_number="+12125550155")
    deliver(staging_store, "ours", to_number="+12125550155")
    deliver(staging_store, "foreign")

    async def first(**options):
        async with asyncio.timeout(120):
            return (await anext(CallCompletedEventTrigger(**options).run())).payload["call_id"]

    assert asyncio.run(first()) == "ours"
    assert asyncio.run(first(include_foreign=True)) == "foreign"


@pytest.mark.parametrize("deferrable", [False, True])
def test_a_sensor_of_staging_neither_reads_nor_ends_productions_wait(
    airflow_database, as_staging, production, production_store, deferrable, capfd
):
    kept = production.snapshot(production_store)
    given = [production.call_id("queued"), production.call_id("completed")]
    assert str(waiting.make_dag(given, deferrable=deferrable).test().state) == "failed"
    assert not production.given_away(production_store, "".join(capfd.readouterr()), given)
    assert production.snapshot(production_store) == kept
    production_store.claims.record_overdue(production.call_id("queued"))
    assert production_store.calls.get(production.ref("queued")).state == "overdue"


def test_a_webhook_ends_the_call_of_whichever_environment_placed_it(staging_store, production_store):
    """One account has one webhook, so its receiver serves all environments."""
    queued(production_store, "of-production")
    queued(staging_store, "of-staging")
    for call_id in ("of-production", "of-staging"):
        deliver(staging_store, call_id)
    assert production_store.completions.outcomes(["of-production"]) == {"of-production": "answered"}
    assert staging_store.completions.outcomes(["of-production", "of-staging"]) == {"of-staging": "answered"}


def test_a_call_is_its_environments_by_whatever_webhook_its_completion_came(staging_store, production_store):
    queued(production_store, "call-1")
    deliver(production_store, "call-1", conn="renamed", summary="zqprod words")
    assert staging_store.completions.outcomes(["call-1"]) == {}
    assert staging_store.calls.completion("call-1") is None
    claim(staging_store)


def test_many_calls_of_another_environment_do_not_crowd_out_what_is_counted(
    staging_store, production_store, monkeypatch
):
    from airflow_provider_voiceinfra.store.models import CallState
    from airflow_provider_voiceinfra.store.operations import overview
    from airflow_provider_voiceinfra.store.reads import call_pages
    from airflow_provider_voiceinfra.store.reads.call_filter import CallFilter

    monkeypatch.setattr(overview, "MAX_COUNTED", 3)
    monkeypatch.setattr(call_pages, "WINDOW", 3)
    queued(staging_store, "ours")
    for number in range(5):
        queued(production_store, f"theirs-{number}", to_number=f"+1212555010{number}")
    assert staging_store.overview.count()["in_flight"] == 1
    [row] = staging_store.pages.older(CallFilter(state=CallState.QUEUED)).rows
    assert row.ref == staging_store.calls.get("ours").ref
