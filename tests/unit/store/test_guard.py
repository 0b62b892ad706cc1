"""The guard decides in the claim's own transaction, and once more before the POST."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from airflow_provider_voiceinfra.store import clock, schema
from airflow_provider_voiceinfra.store.claims.results import Conflict, ConflictReason, PermitResult
from airflow_provider_voiceinfra.store.guard.pauses import Scope
from airflow_provider_voiceinfra.store.guard.rules import Cap, Denial, Rule, Rules
from airflow_provider_voiceinfra.store.models import Source
from tests.support.store_samples import NUMBER, claim_request, deliver, events, make_old, queued, rows, state, under

OTHER = "+14155550177"
DAY = timedelta(days=1)


def soon(seconds=60):
    return datetime.now(UTC) + timedelta(seconds=seconds)


def take(store, key="key", rules=None, **changes):
    return store.claims.take(claim_request(key, **changes, rules=rules or Rules()))


def number(index):
    return f"+1415555{index:04}"


def claimed(store, key="key", rules=None, **changes):
    return take(store, key, rules, **changes).claim


def denied(result, rule, state):
    assert result.denied, result
    assert (result.denied.denial.rule, result.denied.state) == (rule, state)
    return result.denied


CLOSED = Rules(by_time=lambda now: Denial(Rule.CALLING_HOURS, now + DAY))


def test_a_call_that_waits_goes_on_under_its_ref_with_what_is_asked_for_then(store):
    waiting = denied(take(store, rules=CLOSED), Rule.CALLING_HOURS, "waiting")
    again = denied(take(store, rules=CLOSED), Rule.CALLING_HOURS, "waiting")
    claim = claimed(store, request={"context": "newer"})
    assert waiting.ref == again.ref == claim.ref
    # Once is enough to be told the same.
    assert events(store, claim.id) == ["waiting", "claimed"]
    call = store.calls.get(claim.ref)
    assert (call.state, call.request, call.rule, call.wait_until) == ("claimed", {"context": "newer"}, None, None)
    assert store.claims.request_permit(claim).permit


def test_who_waits_keeps_nobody_else_from_calling(store):
    by_task = {"own_key": False, "source": Source("dag", "r", "r", "t", 0)}
    denied(take(store, rules=CLOSED, **by_task), Rule.CALLING_HOURS, "waiting")
    assert take(store, "other", own_key=False, source=Source("dag", "r", "r", "t", 1)).claim


def test_what_is_blocked_is_blocked_for_every_try_and_asked_again_by_a_clear(store):
    late = Rules(not_after=soon(-1))
    first = denied(take(store, rules=late), Rule.NOT_AFTER, "expired")
    assert denied(take(store), Rule.NOT_AFTER, "expired").ref == first.ref
    cleared = claimed(store, source=Source("dag", "run", "run", "task", generation=1))
    assert cleared.ref != first.ref


def test_nobody_waits_for_a_time_that_is_too_late(store):
    rules = Rules(by_time=CLOSED.by_time, not_after=soon())
    denied(take(store, rules=rules), Rule.NOT_AFTER, "expired")


def test_what_changed_since_the_claim_is_seen_before_the_post(store):
    claim = claimed(store)
    store.do_not_call.add([NUMBER], actor="ada", reason="asked")
    denied(store.claims.request_permit(claim), Rule.DO_NOT_CALL, "do_not_call")
    assert state(store, claim.ref) == "do_not_call"
    other = claimed(store, "other", to_number=OTHER)
    denied(store.claims.request_permit(under(other, CLOSED)), Rule.CALLING_HOURS, "waiting")
    assert take(store, "other", to_number=OTHER).claim


def test_somebody_elses_claim_is_not_denied_by_us(store):
    claim = claimed(store)
    assert store.claims.request_permit(replace(under(claim, CLOSED), owner="another")) == PermitResult()
    assert state(store, claim.ref) == "claimed"


# -- calls of a day

FEW = Rules(max_calls_per_day=2)


def test_no_more_calls_a_day_than_the_connection_may(store):
    for index in range(2):
        assert take(store, f"{index}", FEW, to_number=number(index)).claim
    third = denied(take(store, "3", FEW, to_number=number(3)), Rule.PER_DAY, "waiting")
    assert third.denial.until.time().isoformat() == "00:00:00"
    assert timedelta(0) < third.denial.until - datetime.now(UTC) <= DAY
    assert take(store, "4", FEW, conn_id="another", to_number=number(4)).claim


def test_the_day_is_that_of_its_zone(store):
    rules = Rules(max_calls_per_day=0, days_of=ZoneInfo("Asia/Kathmandu"))
    until = denied(take(store, rules=rules), Rule.PER_DAY, "waiting").denial.until
    assert until.astimezone(ZoneInfo("Asia/Kathmandu")).time().isoformat() == "00:00:00"


def test_the_next_day_begins_anew(store):
    take(store, "1", Rules(max_calls_per_day=1))
    with store.database.write() as tx:
        yesterday = datetime.now(UTC) - DAY
        tx.execute(sa.update(schema.budget).values(day=yesterday.date().isoformat()))
        tx.execute(sa.update(schema.call).values(claimed_at=yesterday))
    assert take(store, "2", Rules(max_calls_per_day=1), to_number=OTHER).claim


def test_around_midnight_each_day_has_its_calls_once(store):
    keys, days = map(str, itertools.count()), []
    midnight = datetime.combine(datetime.now(UTC) + DAY, time(), UTC)
    # Also where the database's clock is set back.
    for at in (-1, -1, -1, 1, 1, -1, 1, 1):
        with clock.shift(midnight - datetime.now(UTC) + timedelta(minutes=at)):
            key = next(keys)
            taken = take(store, key, FEW, to_number=number(int(key)))
        if taken.claim:
            days.append(at)
    assert days == [-1, -1, 1, 1]


def test_a_limit_that_is_set_in_the_middle_of_a_day_knows_its_calls(store):
    for index in range(3):
        take(store, f"{index}", to_number=number(index))
    denied(take(store, "next", Rules(max_calls_per_day=3), to_number=OTHER), Rule.PER_DAY, "waiting")


def test_what_is_recorded_twice_is_given_back_once(store):
    """As the dialler does where it is not told whether its commit came through."""
    first, second = (claimed(store, f"{index}", FEW, to_number=number(index)) for index in range(2))
    store.claims.record_queued(first, "call-1")
    for _ in range(2):
        store.claims.record_rejected(second, "invalid_phone", "no")
    assert take(store, "3", FEW, to_number=number(3)).claim
    denied(take(store, "4", FEW, to_number=number(4)), Rule.PER_DAY, "waiting")


@pytest.mark.parametrize("end", ["released", "rejected", "expired", "denied", "not placed"])
def test_a_call_for_which_nothing_was_sent_counts_no_more(store, end):
    one = Rules(max_calls_per_day=1)
    claim = claimed(store, rules=one)
    if end == "released":
        store.claims.release(claim, "nothing was sent")
    elif end == "rejected":
        store.claims.record_rejected(claim, "invalid_phone", "no")
    elif end == "expired":
        make_old(store, claim, permits=0)
        store.claims.expire(claim.ref)
    elif end == "not placed":
        store.claims.record_unknown(claim, "timeout")
        store.resolutions.not_placed(claim.ref, actor="ada")
    else:
        store.claims.request_permit(under(claim, CLOSED))
    assert take(store, "next", one, to_number=OTHER).claim
    denied(take(store, "third", one, to_number=number(3)), Rule.PER_DAY, "waiting")


def test_one_that_may_have_been_sent_counts(store):
    claim = claimed(store, rules=Rules(max_calls_per_day=1))
    store.claims.record_unknown(claim, "timeout")
    denied(take(store, "next", Rules(max_calls_per_day=1), to_number=OTHER), Rule.PER_DAY, "waiting")


# -- calls at a time

LINES = Rules(max_in_flight=2)


def test_no_more_calls_at_a_time_than_the_connection_may(store):
    first = claimed(store, "1", LINES)
    store.claims.record_queued(first, "call-1")
    store.claims.record_unknown(claimed(store, "2", LINES, to_number=number(2)), "timeout")
    denied(take(store, "3", LINES, to_number=number(3)), Rule.IN_FLIGHT, "waiting")
    deliver(store, "call-1")
    assert take(store, "3", LINES, to_number=number(3)).claim


def test_a_call_whose_completion_is_overdue_frees_its_line(store):
    queued(store, "call-1")
    queued(store, "call-2", to_number=OTHER)
    denied(take(store, "3", LINES, to_number=number(3)), Rule.IN_FLIGHT, "waiting")
    store.claims.record_overdue("call-1")
    assert take(store, "3", LINES, to_number=number(3)).claim
    with store.database.write() as tx:
        # And one of which nobody ever asked what became of it.
        tx.execute(sa.update(schema.call).where(schema.call.c.call_id == "call-2").values(deadline=soon(-1)))
    assert take(store, "4", LINES, to_number=number(4)).claim


def test_a_call_that_is_being_placed_has_a_line_whatever_its_settle_timeout(store):
    one = Rules(max_in_flight=1)
    take(store, "1", one, settle_timeout=timedelta(0))
    denied(take(store, "2", one, to_number=OTHER), Rule.IN_FLIGHT, "waiting")


# -- calls of a person

RARELY = Rules(caps=(Cap(1, timedelta(hours=24)),))


def called(store, index, ago, **options):
    """A call to the callee, so long ago."""
    claim = take(store, f"earlier-{index}", **options).claim
    store.claims.record_queued(claim, f"earlier-{index}")
    deliver(store, f"earlier-{index}")
    claimed_at = datetime.now(UTC) - ago
    with store.database.write() as tx:
        tx.execute(sa.update(schema.call).where(schema.call.c.id == claim.id).values(claimed_at=claimed_at))
    return claimed_at


def test_a_callee_is_not_called_more_often_than_a_cap_allows_whatever_the_key(store):
    claimed_at = called(store, 1, timedelta(hours=1))
    until = denied(take(store, "other", RARELY, conn_id="another"), Rule.PER_NUMBER, "waiting").denial.until
    assert until == claimed_at + timedelta(hours=24)
    assert take(store, "third", RARELY, to_number=OTHER).claim


def test_a_call_under_a_cap_is_placed_once_the_cap_allows_it(store):
    called(store, 1, timedelta(hours=24, minutes=1))
    assert take(store, "other", RARELY).claim


def test_of_several_caps_the_last_one_to_allow_decides(store):
    caps = Rules(caps=(Cap(1, timedelta(hours=1)), Cap(3, timedelta(days=7)), Cap(10, timedelta(days=30))))
    oldest = called(store, 1, timedelta(days=5))
    for index in (2, 3):
        called(store, index, timedelta(hours=index))
    assert denied(take(store, "other", caps), Rule.PER_NUMBER, "waiting").denial.until == oldest + timedelta(days=7)


def test_a_call_that_expires_before_its_cap_allows_it_expires_at_once(store):
    called(store, 1, timedelta(hours=1))
    soon = datetime.now(UTC) + timedelta(hours=22)
    denied(take(store, "other", replace(RARELY, not_after=soon)), Rule.NOT_AFTER, "expired")


def test_the_caps_of_calls_that_are_claimed_together_are_each_numbers_own(store):
    rules = Rules(caps=(Cap(2, DAY),))
    for index, calls in enumerate((0, 1, 2, 3)):
        for call in range(calls):
            assert claimed(store, f"{index}/{call}", to_number=number(index))
    together = [claim_request(f"{index}", to_number=number(index), rules=rules) for index in range(4)]
    assert [each.claim is not None for each in store.claims.take_all(together)] == [True, True, False, False]


def test_a_purge_does_not_make_it_forgotten_that_she_was_called(store):
    queued(store, "call-1")
    deliver(store, "call-1")
    store.retention.erase(NUMBER)
    assert NUMBER not in str(rows(store, schema.call))
    denied(take(store, "other", RARELY), Rule.PER_NUMBER, "waiting")
    assert take(store, "third", RARELY, to_number=OTHER).claim


def test_a_call_that_never_rang_is_no_call_of_hers(store):
    store.claims.release(claimed(store, "1"), "nothing was sent")
    denied(take(store, "2", CLOSED), Rule.CALLING_HOURS, "waiting")
    assert take(store, "3", RARELY).claim


def attempt(store, index, rules=RARELY):
    return take(store, f"key/attempt-{index}", rules, base_key="key", attempt=index)


def test_a_redial_counts_like_every_call(store):
    claim = attempt(store, 1).claim
    store.claims.record_queued(claim, "call-1")
    deliver(store, "call-1", call_outcome="voicemail")
    denied(attempt(store, 2), Rule.PER_NUMBER, "waiting")
    assert attempt(store, 2, Rules(caps=(Cap(2, timedelta(hours=24)),))).claim


def test_a_redial_comes_only_after_the_call_before_it_has_ended(store):
    first = attempt(store, 1).claim
    assert attempt(store, 2).conflict == Conflict(first.ref, "key")
    store.claims.record_unknown(first, "timeout")
    assert attempt(store, 2).conflict == Conflict(first.ref, "key")


def test_a_redial_calls_nobody_else(store):
    """Templates are rendered again for each attempt, and an own key says nothing of the number."""
    claim = attempt(store, 1).claim
    store.claims.record_queued(claim, "call-1")
    deliver(store, "call-1", call_outcome="voicemail")
    again = claim_request("key/attempt-2", base_key="key", attempt=2, to_number=OTHER)
    assert store.claims.take(again).conflict == Conflict(claim.ref, ConflictReason.NUMBER)


def test_a_retry_finds_each_attempt_that_was_placed(store):
    refs = []
    for index in (1, 2):
        claim = attempt(store, index, Rules()).claim
        store.claims.record_queued(claim, f"call-{index}")
        deliver(store, f"call-{index}", call_outcome="voicemail")
        refs.append(claim.ref)
    assert [attempt(store, index).conflict.ref for index in (1, 2)] == refs
    assert attempt(store, 3, Rules()).claim


# -- send slots


def slots(store, rules, keys):
    """Let calls ask together for send permits; gives their slots."""
    calls = [claim_request(f"{key}", to_number=f"+1212{2_000_000 + key}", rules=rules) for key in keys]
    claims = [result.claim for result in store.claims.take_all(calls)]
    return [result.permit.slot for result in store.claims.record_and_permit([], claims)]


@pytest.mark.parametrize("rate", [0.4, 0.99, 1, 2.5, 7, 20, 49, 60, 300])
def test_no_second_sees_more_than_one_above_the_rate_however_late_posts_are(store, rate):
    granted = slots(store, Rules(calls_per_second=rate), range(int(3 * rate) + 1))
    for index, last in enumerate(granted):
        # The others as late as they may, and the last one as early. Times are rounded.
        since = last.send_at - timedelta(seconds=0.9999)
        late = [each for each in granted[:index] if each.send_by > since]
        assert len(late) + 1 <= rate + 1
    took = (granted[-1].send_at - granted[0].send_at).total_seconds()
    assert (len(granted) - 1) / took >= 0.98 * rate
    assert all(each.send_by - each.send_at > timedelta(milliseconds=19) for each in granted)


def test_posts_that_are_far_apart_get_slots_at_once_and_save_none_up(store):
    rules = Rules(calls_per_second=2)
    slots(store, rules, [1])
    with clock.shift(timedelta(seconds=10)):
        first, second, third = (each.send_at for each in slots(store, rules, range(10, 13)))
        assert first <= datetime.now(UTC) + timedelta(seconds=10)
    assert second - first == third - second == timedelta(seconds=0.51)


def test_a_slot_that_is_far_ahead_is_not_waited_for(store):
    rules = Rules(calls_per_second=0.1)
    _, second = (
        store.claims.request_permit(claimed(store, f"{index}", rules, to_number=number(index))) for index in range(2)
    )
    assert denied(second, Rule.PACE, "waiting").denial.until > soon(5)


def test_pauses_and_hours_come_after_what_is_for_good(store):
    store.pauses.pause(Scope.ALL, "", reason="wrong date", actor="ada")
    store.do_not_call.add([NUMBER], actor="ada", reason="asked")
    denied(take(store, rules=CLOSED), Rule.DO_NOT_CALL, "do_not_call")
    assert [row.state for row in rows(store, schema.call)] == ["do_not_call"]
