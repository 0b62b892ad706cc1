"""A cursor gives every completed call at least once, in one order, and skips none."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest
import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.feed import completed_calls
from airflow_provider_voiceinfra.store.feed.completed_calls import CompletionFilter
from airflow_provider_voiceinfra.store.inbox import deliveries
from airflow_provider_voiceinfra.store.inbox.opt_out import OptOut
from airflow_provider_voiceinfra.store.locks import lock
from tests.support.cursors import a_day_ago, complete, read
from tests.support.race import in_threads
from tests.support.store_samples import body, claim, deliver, delivery, queued, rows, state

DAY = timedelta(days=1)


class BrokenError(Exception):
    pass


def break_off(store, take):
    """Read, and have an error then."""
    with pytest.raises(BrokenError), store.cursors.calls("follow_up", CompletionFilter(), a_day_ago()) as calls:  # noqa: PT012
        take(calls)
        raise BrokenError


def read_foreign(store, cursor="foreign", **wanted):
    wanted = CompletionFilter(placed_here=False, foreign=True, **wanted)
    with store.cursors.completions(cursor, wanted, a_day_ago()) as completions:
        return [completion.call_id for completion in completions]


def test_each_comes_once_in_the_order_in_which_they_became_completed(store):
    for call_id in ("a", "b", "c"):
        queued(store, call_id)
    for call_id in ("c", "a"):
        deliver(store, call_id)
    assert read(store) == ["c", "a"]
    deliver(store, "b")
    assert read(store) == ["b"]
    assert read(store) == []
    assert read(store, "another cursor") == ["c", "a", "b"]


def test_it_gives_what_was_said_and_what_belongs_to_the_call(store):
    complete(store, "a", summary="yes")
    with store.cursors.calls("follow_up", CompletionFilter(), a_day_ago()) as calls:
        [call] = calls
    assert (call.completion.summary, call.metadata, call.state) == ("yes", {"appointment": 7}, "completed")


def test_it_does_not_move_when_its_block_has_an_error(store):
    complete(store, "a", "b")
    break_off(store, next)
    assert read(store) == ["a", "b"]


def test_a_block_that_takes_some_passes_these(store):
    complete(store, "a", "b", "c")
    with store.cursors.calls("follow_up", CompletionFilter(), a_day_ago()) as calls:
        assert [call.call_id for call in islice(calls, 2)] == ["a", "b"]
    assert read(store) == ["c"]


def test_a_block_that_takes_none_passes_none(store):
    complete(store, "a")
    with store.cursors.calls("follow_up", CompletionFilter(), a_day_ago()):
        pass
    assert read(store) == ["a"]


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5])
def test_whatever_the_page(store, monkeypatch, count):
    monkeypatch.setattr(completed_calls, "_PAGE", 2)
    monkeypatch.setattr(completed_calls, "_AT_ONCE", 2)
    ids = [f"call-{number}" for number in range(count)]
    complete(store, *ids)
    assert read(store) == ids


class TestWhenACallBecomesCompleted:
    def test_by_its_completion_that_came_before_its_answer(self, store):
        ours = claim(store)
        deliver(store, "a", from_number="+12125550100")
        assert read(store) == []
        store.claims.record_queued(ours, "a")
        assert read(store) == ["a"]

    def test_by_recovery(self, store):
        ours = claim(store)
        store.claims.record_unknown(ours, "timeout")
        deliver(store, "a", agent_id="agent", from_number="+14155550199")
        assert state(store, ours.ref) == "completed"
        assert read(store) == ["a"]
        assert read_foreign(store) == []

    def test_by_a_person_who_found_out(self, store):
        ours = claim(store)
        store.claims.record_unknown(ours, "timeout")
        deliver(store, "a", agent_id="another")
        assert read(store) == []
        store.resolutions.placed(ours.ref, "a", actor="ada")
        assert read(store) == ["a"]

    def test_when_it_was_overdue(self, store):
        queued(store, "a")
        store.claims.record_overdue("a")
        deliver(store, "a")
        assert read(store) == ["a"]

    def test_not_again_by_a_redelivery_or_another_body(self, store):
        complete(store, "a")
        assert read(store) == ["a"]
        deliver(store, "a")
        deliver(store, "a", summary="something else")
        assert read(store) == []

    def test_whose_completion_turned_out_to_be_anothers_not(self, store):
        unknown = claim(store, "one")
        store.claims.record_unknown(unknown, "timeout")
        deliver(store, "a", agent_id="agent", from_number="+14155550199")
        assert state(store, unknown.ref) == "completed"
        store.claims.record_queued(claim(store, "two"), "a")
        assert state(store, unknown.ref) == "unknown"
        with store.cursors.calls("follow_up", CompletionFilter(), a_day_ago()) as calls:
            assert [call.idempotency_key for call in calls] == ["two"]


class TestWhatIsWanted:
    def test_by_outcome_and_agent_the_cursor_passes_the_rest(self, store):
        complete(store, "a", "b", call_outcome="voicemail")
        complete(store, "c")
        queued(store, "d", agent_id="other")
        deliver(store, "d", call_outcome="voicemail")
        assert read(store, outcomes=["voicemail"], agent_id="agent") == ["a", "b"]
        assert read(store) == []

    def test_calls_of_other_environments_never(self, store, open_store):
        complete(open_store(environment="staging"), "a")
        assert read(store) == []
        assert read_foreign(store) == []
        assert read(open_store(environment="staging")) == ["a"]

    def test_calls_that_nobody_placed_here_where_they_are_asked_for(self, store):
        deliver(store, "foreign", agent_id="agent")
        complete(store, "ours")
        assert read(store) == ["ours"]
        assert read_foreign(store, "b", agent_id="other") == []
        assert read_foreign(store, "c", agent_id="agent", outcomes=["answered"]) == ["foreign"]
        assert read_foreign(store) == ["foreign"]
        assert read_foreign(store) == []

    def test_one_whose_answer_is_recorded_later_is_ours_then(self, store):
        ours = claim(store)
        deliver(store, "a")
        store.claims.record_queued(ours, "a")
        assert read_foreign(store) == []
        assert read(store) == ["a"]

    def test_a_purged_one_comes_without_its_words(self, store):
        complete(store, "ours", summary="secret")
        deliver(store, "foreign", summary="secret")
        store.retention.purge(datetime.now(UTC) + DAY)
        with store.cursors.calls("a", CompletionFilter(), a_day_ago()) as calls:
            [call] = calls
        assert (call.completion.outcome, call.completion.summary) == ("answered", None)
        assert read_foreign(store) == ["foreign"]


class TestWhereANewCursorBegins:
    @staticmethod
    def make_old(store, call_id, age):
        row_id = store.calls.get(call_id).id
        with store.database.write() as tx:
            of_it = schema.completed_call.c.call == row_id
            tx.execute(sa.update(schema.completed_call).where(of_it).values(at=datetime.now(UTC) - age))

    def test_with_what_is_no_older_than_asked_for(self, store):
        complete(store, "old", "new")
        self.make_old(store, "old", 2 * DAY)
        assert read(store) == ["new"]
        assert read(store, "all", since=datetime.now(UTC) - 3 * DAY) == ["old", "new"]

    def test_with_what_comes_where_all_is_older(self, store):
        complete(store, "old")
        self.make_old(store, "old", 2 * DAY)
        assert read(store) == []
        complete(store, "new")
        assert read(store) == ["new"]

    def test_the_same_when_the_first_reading_broke_off(self, store):
        complete(store, "a")
        break_off(store, list)
        assert read(store, since=datetime.now(UTC) + DAY) == ["a"]


class TestAtOnce:
    def test_who_reads_at_once_skips_nothing_wherever_the_cursor_is_left(self, store):
        complete(store, "a", "b")
        with store.cursors.calls("follow_up", CompletionFilter(), a_day_ago()) as slow:
            assert next(slow).call_id == "a"
            assert read(store) == ["a", "b"]
            complete(store, "c")
            assert read(store) == ["c"]
        # The slow one had been given only "a".
        complete(store, "d")
        assert read(store) == ["d"]

    def test_one_that_breaks_off_takes_nothing_from_another(self, store):
        complete(store, "a")
        with store.cursors.calls("follow_up", CompletionFilter(), a_day_ago()) as first:
            list(first)
            complete(store, "b")
            break_off(store, list)
        assert read(store) == ["b"]

    def test_all_see_the_same_order(self, store, open_store):
        complete(store, *[f"call-{number}" for number in range(20)])
        seen = in_threads(*[lambda name=name: read(open_store(), name) for name in "abcdef"])
        assert all(order == seen[0] for order in seen)
        assert len(seen[0]) == 20
        assert sorted(row.position for row in rows(store, schema.completed_call)) == list(range(1, 21))

    @pytest.mark.parametrize("kind", ["postgresql"])
    def test_what_is_committed_out_of_sequence_is_not_skipped(self, store, open_store):
        number, other = "+12125550100", open_store()
        queued(store, "late", to_number=number)
        queued(store, "early")
        late = delivery(body("late", to_number=number))
        with other.database.write() as tx:
            list(deliveries._complete(tx, [(late, late.party)], OptOut("", "", "number")))
            deliver(store, "early")
            assert read(store) == ["early"]
        assert read(store) == ["late"]
        assert read(store, "another cursor") == ["early", "late"]
        written = [store.calls.read([row.call])[0].call_id for row in rows(store, schema.completed_call)]
        assert written == ["late", "early"]

    @pytest.mark.parametrize("kind", ["postgresql"])
    def test_one_at_a_time_gives_places(self, store, open_store):
        """Two who see different rows as new would give one place twice, and move a row behind who has read on."""
        complete(store, "a")
        other, waiting = (
            open_store(),
            sa.text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"),
        )
        with ThreadPoolExecutor(1) as pool:
            with other.database.write() as tx:
                lock(tx, "completed calls")
                position = pool.submit(store.completed_calls.last_position)
                while not tx.scalar(waiting):
                    assert not position.done()
            assert position.result() == 1
