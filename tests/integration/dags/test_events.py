"""Events tell Airflow's assets that a call has ended, and what a cursor gives is what a DAG acts on."""

from __future__ import annotations

import asyncio
import json

import pytest
from airflow.sdk import Asset, AssetWatcher

from airflow_provider_voiceinfra.hooks.voiceinfra import VoiceInfraHook
from airflow_provider_voiceinfra.triggers.call_completed_event import CallCompletedEventTrigger
from tests.support.store_samples import SECRET, deliver, queued


def events(trigger, count):
    async def take():
        stream = trigger.run()
        async with asyncio.timeout(30):
            return [(await anext(stream)).payload for _ in range(count)]

    return asyncio.run(take())


def test_an_event_carries_ids_and_outcome_and_nothing_that_was_said(voiceinfra):
    ours = queued(voiceinfra.store, "call-1")
    deliver(voiceinfra.store, "call-1", call_outcome="voicemail", summary=SECRET)
    [payload] = events(CallCompletedEventTrigger(), 1)
    assert payload == {"call_id": "call-1", "ref": ours.ref, "outcome": "voicemail"}


def test_calls_of_others_only_where_they_are_asked_for(voiceinfra):
    queued(voiceinfra.store, "ours")
    deliver(voiceinfra.store, "ours")
    deliver(voiceinfra.store, "foreign")
    assert events(CallCompletedEventTrigger(), 1)[0]["call_id"] == "ours"
    [payload] = events(CallCompletedEventTrigger(include_foreign=True), 1)
    assert payload == {"call_id": "foreign", "ref": None, "outcome": "answered"}


def test_a_watcher_takes_it_and_it_can_be_made_again_elsewhere():
    trigger = CallCompletedEventTrigger(agent_id="agent", outcomes={"voicemail", "failed"})
    asset = Asset("voiceinfra://calls/completed", watchers=[AssetWatcher(name="calls", trigger=trigger)])
    assert asset.watchers[0].trigger is trigger
    path, fields = trigger.serialize()
    assert path == "airflow_provider_voiceinfra.triggers.call_completed_event.CallCompletedEventTrigger"
    assert json.loads(json.dumps(fields)) == fields
    assert CallCompletedEventTrigger(**fields).serialize() == trigger.serialize()


@pytest.mark.parametrize("outcomes", ["voicemail", ["busy"], 7])
def test_outcomes_that_there_are_not_fail_when_the_dag_is_parsed(outcomes):
    with pytest.raises((TypeError, ValueError), match="outcomes"):
        CallCompletedEventTrigger(outcomes=outcomes)
    with pytest.raises((TypeError, ValueError), match="outcomes"):
        VoiceInfraHook().completed_calls(cursor="follow_up", outcomes=outcomes)


def test_a_cursor_gives_what_has_ended_since_it_was_read(voiceinfra):
    hook = VoiceInfraHook()
    for call_id, outcome in (("call-1", "answered"), ("call-2", "voicemail")):
        queued(voiceinfra.store, call_id, agent_id=f"agent-{outcome}")
        deliver(voiceinfra.store, call_id, call_outcome=outcome)
    deliver(voiceinfra.store, "foreign")
    with hook.completed_calls(cursor="all") as calls:
        assert [(call.call_id, call.completion.outcome) for call in calls] == [
            ("call-1", "answered"),
            ("call-2", "voicemail"),
        ]
    with hook.completed_calls(cursor="all") as calls:
        assert list(calls) == []
    with hook.completed_calls(cursor="some", outcomes=["voicemail"], agent_id="agent-voicemail") as calls:
        assert [call.call_id for call in calls] == ["call-2"]
    with hook.foreign_completions(cursor="foreign") as completions:
        assert [completion.call_id for completion in completions] == ["foreign"]


@pytest.mark.parametrize("uri", ["voiceinfra://calls", "voiceinfra://calls/", "voiceinfra://call/completed"])
def test_an_address_of_nothing_is_refused_when_the_dag_is_parsed(uri):
    with pytest.raises(ValueError, match="voiceinfra://calls/completed"):
        Asset(uri)


def test_an_address_may_say_more():
    assert Asset("voiceinfra://calls/completed/agent_1/").uri == "voiceinfra://calls/completed/agent_1"
