"""Who does not want to be called is not, and it is known who said so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from tests.support.race import in_threads
from tests.support.store_samples import NUMBER, body, claim, claim_request, deliver, delivery, queued, rows

OTHER = "+14155550177"


def is_listed(store, number=NUMBER):
    with store.database.read() as tx:
        return number in store.do_not_call.among(tx, [number])


def test_a_number_on_the_list_is_not_dialled(store, open_store):
    assert store.do_not_call.add([NUMBER, NUMBER], actor="ada", reason="asked") == 1
    assert store.do_not_call.add([NUMBER], actor="bob", reason="again") == 0
    assert store.claims.take(claim_request()).denied
    assert open_store(environment="staging").claims.take(claim_request()).denied
    assert store.claims.take(claim_request("other", to_number=OTHER)).claim


def test_who_added_and_removed_it_is_kept(store):
    store.do_not_call.add([NUMBER], actor="ada", reason="they asked")
    assert store.do_not_call.remove(NUMBER, actor="bob", reason="they changed their mind")
    assert not store.do_not_call.remove(NUMBER, actor="bob", reason="")
    history = [(event.action, event.actor, event.reason) for event in store.do_not_call.history(NUMBER)]
    assert history == [("added", "ada", "they asked"), ("removed", "bob", "they changed their mind")]
    assert store.claims.take(claim_request()).claim


def test_many_numbers(store):
    numbers = [f"+1415555{index:04}" for index in range(1_200)]
    assert store.do_not_call.add(numbers, actor="ada", reason="import") == 1_200
    assert {each.number for each in store.do_not_call.iterate()} == set(numbers)


def test_where_wished_only_hashes_are_kept_which_nobody_can_reverse_without_the_store(open_store):
    store = open_store(hash_do_not_call=True)
    store.do_not_call.add([NUMBER], actor="ada", reason="asked")
    [listed] = store.do_not_call.iterate()
    assert listed.number is None
    assert NUMBER[1:] not in str(rows(store, schema.do_not_call))
    assert is_listed(store)
    assert store.claims.take(claim_request()).denied


def test_who_is_erased_is_still_not_called(store):
    store.do_not_call.add([NUMBER], actor="ada", reason="asked")
    store.do_not_call.forget(NUMBER)
    assert [each.number for each in store.do_not_call.iterate()] == [None]
    assert is_listed(store)


NOT = [False, None, "", " ", "no", "NO", "n", "N", "false", "False", 0, 0.0, {}, [], {"value": False}, {"value": "No"}]
YES = [True, "yes", "Yes.", "y", "true", 1, -1, 0.5, "please stop calling me", "not at all", {"value": True}, ["home"]]
YES += [{"value": "Y", "confidence": 0}, {"reason": "moved"}, {"value": {"value": 1}}, "no!", "None"]


@pytest.mark.parametrize(("said", "listed"), [*((each, False) for each in NOT), *((each, True) for each in YES)])
@pytest.mark.parametrize("kind", ["sqlite"])
def test_who_says_so_in_a_call_is_on_the_list_with_its_completion(open_store, said, listed, caplog):
    caplog.set_level("DEBUG")
    store = open_store(opt_out_field="do_not_call")
    queued(store, "call-1")
    deliver(store, "call-1", extracted_data={"do_not_call": said})
    assert is_listed(store) is listed
    assert bool(store.do_not_call.history(NUMBER)) is listed
    assert "please" not in caplog.text


@pytest.mark.parametrize(
    "fields",
    [
        {"extracted_data": {"do_not_call": "Yes."}, "analysis": {"mood": "calm"}},
        {"analysis": {"mood": "calm", "do_not_call": True}, "extracted_data": {}},
        {"do_not_call": True},
    ],
)
def test_also_where_nobody_has_said_which_object_holds_extracted_data(open_store, fields):
    store = open_store(opt_out_field="do_not_call")
    queued(store, "call-1")
    deliver(store, "call-1", **fields)
    assert is_listed(store)


def test_but_not_where_the_request_said_so(open_store):
    store = open_store(opt_out_field="do_not_call")
    queued(store, "call-1")
    deliver(store, "call-1", variables={"do_not_call": True}, extracted_data={"do_not_call": False})
    assert not is_listed(store)


def test_also_where_the_webhook_does_not_say_who_was_called(open_store):
    store = open_store(opt_out_field="do_not_call")
    queued(store, "call-1")
    deliver(store, "call-1", to_number=None, extracted_data={"do_not_call": True})
    assert is_listed(store)


def test_also_where_the_call_was_purged_and_the_webhook_does_not_name_its_number(open_store):
    store, now = open_store(opt_out_field="do_not_call"), datetime.now(UTC)
    queued(store, "call-1")
    with store.database.write() as tx:
        tx.execute(sa.update(schema.call).values(claimed_at=now - timedelta(days=100)))
    assert store.retention.purge(now - timedelta(days=90)).calls == 1
    deliver(store, "call-1", to_number=None, extracted_data={"do_not_call": True})
    assert is_listed(store)
    assert NUMBER not in str(rows(store, schema.do_not_call))


def test_and_where_the_webhook_comes_before_the_answer(open_store):
    store = open_store(opt_out_field="do_not_call")
    ours = claim(store)
    deliver(store, "call-1", to_number=None, extracted_data={"do_not_call": True})
    assert not is_listed(store)
    store.claims.record_queued(ours, "call-1")
    assert is_listed(store)


@pytest.mark.parametrize("written", ["+1 (415) 555-0100", "+1-415-555-0100 (mobile, in the evening, please)", "Ada"])
def test_however_the_webhook_writes_the_number(open_store, written):
    store = open_store(opt_out_field="do_not_call")
    queued(store, "call-1")
    assert deliver(store, "call-1", to_number=written, extracted_data={"do_not_call": True}) == "new"
    assert is_listed(store)


@pytest.mark.parametrize("kind", ["postgresql"])
def test_two_receivers_that_hear_of_the_same_people_do_not_wait_for_each_other(open_store):
    stores = [open_store(opt_out_field="do_not_call") for _ in range(2)]
    people = [f"+1415555{index:04}" for index in range(40)]

    def keep(number, order):
        said = {"extracted_data": {"do_not_call": True}}
        bodies = [body(f"{number}-{to}", to_number=to, agent_id=f"agent-{number}", **said) for to in order]
        stores[number].deliveries.keep([delivery(each) for each in bodies])

    in_threads(lambda: keep(0, people), lambda: keep(1, people[::-1]))
    assert all(is_listed(stores[0], to) for to in people)


def test_without_the_setting_nothing_is_read_out_of_a_completion(store):
    deliver(store, "call-1", extracted_data={"do_not_call": True})
    assert not is_listed(store)
