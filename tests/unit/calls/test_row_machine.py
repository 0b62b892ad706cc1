"""A row of a list is dialled exactly when its rules say so, whatever is killed: as a second implementation says."""

from __future__ import annotations

import itertools
import json
import shutil
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from airflow_provider_voiceinfra.calls.keys import row_key
from airflow_provider_voiceinfra.lists.progress import Progress
from airflow_provider_voiceinfra.lists.source_rows import CallDefaults
from airflow_provider_voiceinfra.policies import CircuitBreaker, Redial, RedialRule
from airflow_provider_voiceinfra.store import clock
from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.store.guard.rules import Cap
from airflow_provider_voiceinfra.store.inbox.delivery import Delivery
from airflow_provider_voiceinfra.store.lists.list_rows import ListRows
from airflow_provider_voiceinfra.store.lists.row_values import NewRow, RowState
from airflow_provider_voiceinfra.store.models import Source
from tests.support.call_samples import account
from tests.support.row_model import HOUR, LOOK, TALK, WITHIN, Expected, Policy, RowModel, Turn

NEVER = CircuitBreaker(consecutive_failed=0, unknown=0, overdue=0, min_answer_rate=0, max_failed_rate=1)
COUNT = itertools.count()

waits = st.lists(st.integers(1, 30), min_size=1, max_size=2)
rules = st.fixed_dictionaries(dict.fromkeys(["voicemail", "failed", "no_goal"], st.tuples(st.integers(1, 3), waits)))
policies = st.builds(
    Policy,
    rules=rules,
    attempts=st.integers(2, 5),
    callbacks=st.integers(0, 2),
    next_number=st.booleans(),
    cap=st.none() | st.tuples(st.integers(1, 2), st.integers(1, 48)),
)
# Most calls are not answered, or the rows would be short.
turns = st.builds(
    Turn,
    ends=st.sampled_from(["voicemail", "failed", "answered", "voicemail", "failed", "answered", "killed", "lost"]),
    goal=st.sampled_from([False, False, True, None]),
    callback=st.sampled_from([None, None, 1, 5, 30, 72, 80, "soon"]),
    opts_out=st.sampled_from([False] * 7 + [True]),
    listed=st.sampled_from([None] * 5 + [0, 1, 2]),
)
# A row that was answered and met its goal needs no more of them.
LAST = [Turn("answered", goal=True)] * 2
crashes = st.sets(st.integers(0, 12), max_size=4)


class KilledError(Exception):
    """The worker was killed here."""


class World:
    """A call store whose clock stands still until somebody moves it, and the workers that dial one row."""

    def __init__(self, store: CallStore, policy: Policy, numbers: int, crashes: set[int]) -> None:
        self.store = store
        self.now = datetime(2027, 1, 1, tzinfo=UTC) + next(COUNT) * timedelta(days=365)
        self.dials: list[tuple[datetime, int]] = []
        self._crashes, self._settled = crashes, 0
        self._name = f"row-{next(COUNT)}"
        self.numbers = tuple(f"+1212555{2000 + 3 * next(COUNT) + place}" for place in range(numbers))
        caps = () if policy.cap is None else (Cap(policy.cap[0], policy.cap[1] * HOUR),)
        self._defaults = CallDefaults(account(), self._name, max_calls_per_number=caps)
        known = {
            name: RedialRule(attempts, [hours * HOUR for hours in each])
            for name, (attempts, each) in policy.rules.items()
        }
        self._redial = Redial(
            rules=known,
            attempts=policy.attempts,
            goal="confirmed",
            callback_field="call_back_at" if policy.callbacks else None,
            callback_within=WITHIN * HOUR,
            callbacks=policy.callbacks or 1,
            next_number=policy.next_number,
        )

    def run(self, turns: list[Turn]) -> Expected:
        """Let workers dial until the row has ended."""
        source = Source("dag", self._name, self._name, "list")
        self._list_id = self.store.lists.open(source)
        new = NewRow(1, "key", self.numbers[0], dict.fromkeys(("timezone", "not_before", "not_after")) | {
            "agent_id": "agent", "from_number": "+14155550199"
        }, {}, numbers=self.numbers if len(self.numbers) > 1 else ())  # fmt: skip
        self.store.lists.add(self._list_id, [new], self.store.lists.begin_import(self._list_id))
        turns = iter(turns)
        while (at := self._next_at()) is not None:
            self.now = max(self.now, at)
            due = self.store.list_rows.due(self._list_id, self.now, 5)
            for row in self.store.row_numbers.choose(self._list_id, due):
                self._dial(row, source, turns)
            self._look()
        [(state, result)] = self.store.lists.counts(self._list_id)
        assert state == RowState.DONE
        return Expected(self.dials, result)

    def _next_at(self) -> datetime | None:
        """When there is something to do: the row is due, or its call is over."""
        due, over = self.store.list_rows.next_due(self._list_id), self.store.list_rows.next_deadline(self._list_id)
        return due if over is None else over + LOOK

    def _dial(self, row, source, turns) -> None:
        intent = self._defaults.intent(self._list_id, row, source)
        claim = self.store.claims.take(intent.claim_request(account())).claim
        if claim is None:
            # Denied: a cap defers it, or its only number is on the do-not-call list.
            return
        self._no_second_call(row, source)
        turn = next(turns)
        if turn.ends == "killed":
            return
        assert self.store.claims.request_permit(claim).permit
        self.dials.append((self.now, self.numbers.index(row.to_number)))
        if turn.ends == "lost":
            return
        call_id = f"{self._name}-{row.attempt}"
        self.store.claims.record_queued(claim, call_id)
        self._no_second_call(row, source)
        self._end(turn, call_id, row.to_number)

    def _no_second_call(self, row, source) -> None:
        """No worker gets another claim while the row's call is going on, whatever it asks for."""
        number = self.numbers[self.numbers.index(row.to_number) - 1]
        others = tuple(each for each in self.numbers if each != number)
        key = row_key(self._name, "key", to_number=number, attempt=row.attempt + 1)
        request = self._defaults.intent(self._list_id, row, source).claim_request(account())
        asked = {"key": key.full_text, "attempt": row.attempt + 1, "to_number": number, "other_numbers": others}
        assert self.store.claims.take(replace(request, **asked)).claim is None

    def _end(self, turn: Turn, call_id: str, to_number: str) -> None:
        asked = turn.callback
        if isinstance(asked, int):
            asked = (self.now + asked * HOUR).isoformat()
        extracted = {"confirmed": turn.goal, "call_back_at": asked, "opted_out": turn.opts_out}
        said = {"event": "call.completed", "call_id": call_id, "call_outcome": turn.ends, "to_number": to_number}
        if turn.ends == "answered":
            said["extracted_data"] = extracted
        self.now += TALK
        if turn.listed is not None and turn.listed < len(self.numbers):
            self.store.do_not_call.add([self.numbers[turn.listed]], actor="ada", reason="moved")
        body = json.dumps(said).encode()
        self.store.deliveries.keep([Delivery.read("voiceinfra_default", self.now, body)])

    def _look(self) -> None:
        """Let new workers look at what has ended; some are killed right before they write what becomes of the row."""
        self._settled += 1
        if self._settled in self._crashes:
            with pytest.MonkeyPatch.context() as patch, suppress(KilledError):
                patch.setattr(ListRows, "record_steps", killed)
                self._progress().look()
        progress = self._progress()
        progress.begin()
        progress.look()

    def _progress(self) -> Progress:
        return Progress(self.store, self._list_id, redial=self._redial, circuit_breaker=NEVER)


def killed(*_):
    raise KilledError


@pytest.fixture
def store(migrated_sqlite, tmp_path):
    shutil.copy(migrated_sqlite, tmp_path / "voiceinfra.db")
    store = CallStore(f"sqlite:///{tmp_path}/voiceinfra.db", opt_out_field="opted_out")
    yield store
    store.close()


@contextmanager
def standing_still(world):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "_host_time", lambda: world.now)
        yield


@settings(max_examples=settings.default.max_examples // 2, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(policies, st.integers(1, 3), st.lists(turns, min_size=3, max_size=8), crashes)
def test_a_row_is_dialled_as_another_implementation_says(store, policy, numbers, turns, crashes):
    world = World(store, policy, numbers, crashes)
    with standing_still(world):
        expected = RowModel(policy, numbers, world.now).play([*turns, *LAST])
        found = world.run([*turns, *LAST])
    event(f"{found.result} after {len(found.dials)} calls")
    assert found == expected
    assert len(found.dials) <= policy.attempts + policy.callbacks
