"""Minutes that calls talk are a budget, of a connection's day and of a list: no call is placed once it is used up."""

from __future__ import annotations

import zlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from airflow_provider_voiceinfra.store import clock, schema
from airflow_provider_voiceinfra.store.guard.rules import Rule, Rules
from airflow_provider_voiceinfra.store.guard.talk_time import DEFAULT_ESTIMATE
from airflow_provider_voiceinfra.store.models import Realm
from tests.support.store_samples import (
    CONN,
    claim_request,
    deliver,
    queued,
    rows,
    started,
    unknown,
)

FOUR = Rules(max_minutes_per_day=4)
LIST = Rules(list_max_minutes=4)
DAY = timedelta(days=1)


def number(index):
    return f"+1415555{index:04}"


def take(store, key, rules=FOUR, **changes):
    return store.claims.take(
        claim_request(key, rules=rules, to_number=number(zlib.crc32(key.encode()) % 10_000), **changes)
    )


def talked(store, key, seconds, rules=FOUR, **changes):
    """A call that talked for some seconds."""
    claim = take(store, key, rules, **changes).claim
    store.claims.record_queued(claim, key)
    deliver(store, key, duration_seconds=seconds, to_number=claim.request.to_number)
    return claim


def denied(result, rule=Rule.MINUTES_PER_DAY):
    assert result.denied, result
    assert result.denied.denial.rule == rule
    return result.denied.denial


def next_day(store):
    (budget,) = rows(store, schema.budget)
    return datetime.fromisoformat(budget.day).replace(tzinfo=UTC) + DAY


def test_no_call_is_placed_once_the_minutes_of_the_day_are_talked(store):
    talked(store, "first", 200)
    talked(store, "second", 39)
    talked(store, "third", 300)
    denial = denied(take(store, "fourth"))
    assert denial.until == next_day(store)
    assert denial.facts == {"limit": "4"}
    assert take(store, "fifth", conn_id="another").claim
    assert take(store, "sixth", realm=Realm.SANDBOX).claim


def test_calls_in_progress_count_by_an_estimate(store):
    assert DEFAULT_ESTIMATE == 120
    assert take(store, "1").claim
    assert take(store, "2").claim
    assert denied(take(store, "3")).until <= datetime.now(UTC) + timedelta(minutes=1)


def test_the_estimate_is_the_median_of_the_agents_last_answered_calls(store):
    for key, seconds in (("1", 5), ("2", 50), ("3", 70), ("4", 500)):
        talked(store, key, seconds, Rules(), agent_id="talks")
    queued(store, "voicemail", agent_id="talks")
    deliver(store, "voicemail", call_outcome="voicemail", duration_seconds=1)
    assert take(store, "5", agent_id="talks", conn_id="new").claim.estimated_seconds == 60
    assert take(store, "6", agent_id="another", conn_id="new").claim.estimated_seconds == DEFAULT_ESTIMATE
    assert take(store, "7", Rules(), agent_id="talks").claim.estimated_seconds is None


def test_calls_that_are_claimed_together_share_what_is_left(store):
    requests = [claim_request(f"{n}", rules=FOUR, to_number=number(n)) for n in range(5)]
    results = store.claims.take_all(requests)
    assert [result.claim is not None for result in results] == [True, True, False, False, False]


def test_minutes_that_calls_in_progress_leave_are_used(store):
    first, _ = take(store, "1").claim, take(store, "2").claim
    denied(take(store, "3"))
    store.claims.record_queued(first, "1")
    deliver(store, "1", duration_seconds=10, to_number=first.request.to_number)
    assert take(store, "3").claim


def test_a_call_expires_if_its_not_after_comes_before_the_next_day(store):
    talked(store, "first", 300)
    late = replace(FOUR, not_after=next_day(store) - timedelta(seconds=1))
    denied(take(store, "second", late), Rule.NOT_AFTER)


def test_the_next_day_begins_with_all_minutes(store):
    talked(store, "first", 300)
    denied(take(store, "second"))
    with clock.shift(next_day(store) - datetime.now(UTC)):
        assert take(store, "second").claim


def test_a_limit_that_is_set_in_the_middle_of_a_day_knows_what_was_talked(store):
    talked(store, "first", 150, Rules())
    talked(store, "second", 150, Rules(max_calls_per_day=10))
    assert denied(take(store, "third")).until == next_day(store)


def test_a_redelivery_and_a_second_body_count_nothing_more(store):
    first = talked(store, "first", 100)
    for seconds in (100, 200):
        deliver(store, "first", duration_seconds=seconds, to_number=first.request.to_number)
    assert rows(store, schema.budget)[0].talked_seconds == 100


def test_a_completion_that_turns_out_to_be_another_calls_counts_once(store):
    """It is matched to an unknown call, and VoiceInfra's answer to another one names it later."""
    lost = unknown(store, "lost", rules=FOUR)
    deliver(store, "call-1", duration_seconds=100, **started())
    assert store.calls.get(lost.ref).call_id == "call-1"
    assert rows(store, schema.budget)[0].talked_seconds == 100
    other = store.claims.take(claim_request("other", rules=FOUR)).claim
    store.claims.record_queued(other, "call-1")
    assert store.calls.get(lost.ref).state == "unknown"
    assert store.calls.get(other.ref).state == "completed"
    assert rows(store, schema.budget)[0].talked_seconds == 100


def test_an_answer_that_names_another_call_id_takes_the_minutes_back(store):
    lost = unknown(store, "lost", rules=FOUR)
    deliver(store, "call-1", duration_seconds=100, **started())
    store.claims.record_queued(lost, "call-2")
    assert rows(store, schema.budget)[0].talked_seconds == 0
    deliver(store, "call-2", duration_seconds=30)
    assert rows(store, schema.budget)[0].talked_seconds == 30


@pytest.mark.parametrize("end", ["released", "rejected", "overdue", "late"])
def test_a_call_that_does_not_complete_holds_no_minutes(store, end):
    claims = [take(store, key).claim for key in ("1", "2")]
    if end == "released":
        store.claims.release(claims[0], "nothing was sent")
    elif end == "rejected":
        store.claims.record_rejected(claims[0], "invalid_phone", "no")
    else:
        store.claims.record_queued(claims[0], "1")
        denied(take(store, "3"))
    if end == "overdue":
        store.claims.record_overdue("1")
    elif end == "late":
        with store.database.write() as tx:
            past = datetime.now(UTC) - timedelta(seconds=1)
            tx.execute(sa.update(schema.call).where(schema.call.c.id == claims[0].id).values(deadline=past))
    assert take(store, "3").claim
    denied(take(store, "4"))


def test_a_completion_that_comes_late_counts(store):
    claim = take(store, "1").claim
    store.claims.record_queued(claim, "1")
    store.claims.record_overdue("1")
    deliver(store, "1", duration_seconds=300, to_number=claim.request.to_number)
    assert denied(take(store, "2")).until == next_day(store)


def test_calls_that_are_purged_count(store):
    claim = talked(store, "first", 300)
    store.retention.erase(claim.request.to_number)
    denied(take(store, "second"))
    with store.database.write() as tx:
        # Also where they are summed up anew.
        tx.execute(sa.update(schema.budget).values(talked_seconds=None))
    denied(take(store, "third"))


def test_the_minutes_are_checked_again_before_the_post(store):
    talks, waits = take(store, "1").claim, take(store, "2").claim
    store.claims.record_queued(talks, "1")
    assert store.claims.request_permit(waits).permit
    deliver(store, "1", duration_seconds=300, to_number=talks.request.to_number)
    result = store.claims.request_permit(waits)
    assert result.permit is None
    assert denied(result).until == next_day(store)
    assert store.calls.get(waits.ref).state == "waiting"
    with clock.shift(next_day(store) - datetime.now(UTC)):
        assert take(store, "2").claim.ref == waits.ref


def test_calls_that_are_permitted_together_do_not_stop_each_other(store):
    requests = [claim_request(f"{n}", rules=FOUR, to_number=number(n)) for n in range(2)]
    claims = [result.claim for result in store.claims.take_all(requests)]
    assert all(result.permit for result in store.claims.record_and_permit([], claims))


def test_a_renamed_connection_keeps_what_was_talked(store):
    talked(store, "first", 300)
    store.connections.rename(CONN, "new", actor="ada")
    denied(take(store, "second", conn_id="new"))


# -- of a list


def test_the_minutes_of_a_list_are_those_of_its_calls(store):
    talked(store, "other", 500, LIST, list_id="vl_2")
    talked(store, "none", 500, Rules())
    talked(store, "first", 200, LIST, list_id="vl_1")
    talked(store, "second", 39, LIST, list_id="vl_1")
    assert store.lists.talked("vl_1") == timedelta(seconds=239)
    talked(store, "third", 10, LIST, list_id="vl_1")
    # Nobody knows when it may go on.
    assert denied(take(store, "fourth", LIST, list_id="vl_1"), Rule.LIST_MINUTES).until is None


def test_the_minutes_of_a_list_are_no_days_and_know_its_earlier_calls(store):
    talked(store, "first", 200, Rules(), list_id="vl_1")
    with clock.shift(DAY):
        assert take(store, "second", LIST, list_id="vl_1").claim
        denial = denied(take(store, "third", LIST, list_id="vl_1"), Rule.LIST_MINUTES)
        assert denial.until is not None


def test_both_budgets_count_a_lists_call(store):
    both = Rules(max_minutes_per_day=10, list_max_minutes=4)
    talked(store, "first", 300, both, list_id="vl_1")
    denied(take(store, "second", both, list_id="vl_1"), Rule.LIST_MINUTES)
    talked(store, "third", 300, both, list_id="vl_2")
    denied(take(store, "fourth", both, list_id="vl_3"))
