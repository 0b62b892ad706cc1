"""No interleaving of owners, at any statement, with any fault and any death, places a call twice or loses one."""

from __future__ import annotations

import contextlib
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from airflow_provider_voiceinfra.store.reads.call_filter import CallFilter
from tests.integration.calls.protocol import FATES, Clock, new_world

KEYS = ("one", "one", "two")


class Protocol(RuleBasedStateMachine):
    """Owners, VoiceInfra, webhooks, deaths and time, in any order."""

    template: Path

    def __init__(self) -> None:
        super().__init__()
        self.stack = contextlib.ExitStack()

    @initialize()
    def begin(self) -> None:
        self.world = self.stack.enter_context(new_world(self.template))

    def moving(self):
        return [owner for owner in self.world.owners if owner.can_go_on]

    @precondition(lambda self: len(self.world.owners) < 6)
    @rule(key=st.sampled_from(KEYS))
    def somebody_tries(self, key):
        self.world.start(key)

    @precondition(lambda self: self.moving())
    @rule(
        data=st.data(),
        fate=st.sampled_from(FATES),
        until=st.sampled_from(["SELECT", "UPDATE", "INSERT", "BEGIN IMMEDIATE", "POST", "the end"]),
    )
    def somebody_goes_on(self, data, fate, until):
        owner = data.draw(st.sampled_from(self.moving()), label="owner")
        owner.step(fate)
        while owner.can_go_on and not owner.waits_for.startswith(until):
            owner.step(fate)

    @precondition(lambda self: self.moving())
    @rule(data=st.data())
    def somebody_is_killed(self, data):
        data.draw(st.sampled_from(self.moving()), label="owner").kill()

    @precondition(lambda self: self.world.writer is None and self.world.dials)
    @rule(data=st.data())
    def a_webhook_comes(self, data):
        self.world.deliver(data.draw(st.sampled_from(self.world.dials), label="call")[1])

    @precondition(lambda self: self.world.writer is None)
    @rule(data=st.data())
    def a_person_looks_up_an_unknown_call(self, data):
        unknown = list(self.world.store.calls.iterate(CallFilter(state="unknown")))
        if unknown:
            self.world.look_up(data.draw(st.sampled_from(unknown), label="call"))

    @precondition(lambda self: self.world.writer is None)
    @rule()
    def a_waiting_task_looks(self):
        self.world.look()

    @rule(seconds=st.sampled_from([1, 20, 61]))
    def time_passes(self, seconds):
        Clock.at += timedelta(seconds=seconds)

    @invariant()
    def nobody_is_called_twice(self):
        if hasattr(self, "world"):
            self.world.check_nobody_is_called_twice()

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.world.finish()
            self.world.check_nobody_is_called_twice()
            self.world.check_no_call_is_lost()
        self.stack.close()


@pytest.mark.parametrize("examples", [25, pytest.param(100, marks=pytest.mark.slow)])
def test_no_interleaving_places_two(migrated_sqlite, examples):
    Protocol.template = migrated_sqlite
    budget = settings(
        max_examples=examples, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
    )
    run_state_machine_as_test(Protocol, settings=budget)


@pytest.mark.parametrize("paused_before", ["BEGIN IMMEDIATE", "POST"])
def test_an_owner_that_slept_through_its_claim_sends_nothing_any_more(migrated_sqlite, paused_before):
    """Not even when a person has found, rightly, that it was not placed, and another has placed it since."""
    with new_world(migrated_sqlite) as made:
        sleeper = made.start("one")
        while sleeper.waits_for != paused_before or not list(made.store.calls.iterate()):
            sleeper.step()
        Clock.at += timedelta(seconds=61)
        made.look()
        for unknown in list(made.store.calls.iterate(CallFilter(state="unknown"))):
            made.look_up(unknown)
        other = made.start("one")
        while other.can_go_on:
            other.step("taken")
        assert len(made.dials) == 1
        made.finish()
        made.check_nobody_is_called_twice()
        assert made.store.calls.get(made.dials[0][1]).state == "queued"
