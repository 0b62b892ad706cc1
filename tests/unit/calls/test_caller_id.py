"""Which of several numbers a callee sees: a near one, always the same, and never a reason to call again."""

from __future__ import annotations

import pytest

from airflow_provider_voiceinfra.calls.request import CallRequest
from airflow_provider_voiceinfra.errors import InvalidCallError, InvalidNumberError
from airflow_provider_voiceinfra.lists.column_mapping import ColumnMapping
from airflow_provider_voiceinfra.lists.source_rows import CallDefaults
from airflow_provider_voiceinfra.phone_numbers.caller_id import choose_caller_id
from tests.support.call_samples import account, dialer, intent
from tests.support.wire import queued_each, wire

SAN_FRANCISCO, NEW_YORK, TORONTO, LONDON, BERLIN = (
    "+14155550199", "+12125550199", "+14165550199", "+442071838750", "+493012345678"
)  # fmt: skip
POOL = [SAN_FRANCISCO, NEW_YORK, TORONTO, LONDON, BERLIN]


def request(from_number=None, to_number="+14155550100", *, connection=None):
    of = {} if connection is None else {"from_number": connection}
    return CallRequest.build(account(**of), to_number=to_number, agent_id="agent", from_number=from_number)


@pytest.mark.parametrize(
    ("callee", "near"),
    [
        ("+14155550100", {SAN_FRANCISCO}),
        ("+12125550100", {NEW_YORK}),
        ("+13125550100", {SAN_FRANCISCO, NEW_YORK}),
        ("+16045550100", {TORONTO}),
        ("+442079460123", {LONDON}),
        ("+4930901820", {BERLIN}),
        ("+33142685300", set(POOL)),
    ],
)
def test_a_number_of_the_callees_area_or_country_is_preferred(callee, near):
    assert choose_caller_id(POOL, callee) in near


def test_a_callee_always_sees_the_same_number_whatever_the_order_and_callees_are_spread():
    callees = [f"+3314268{number:04}" for number in range(500)]
    chosen = [choose_caller_id(POOL, callee) for callee in callees]
    assert chosen == [choose_caller_id(POOL[::-1], callee) for callee in callees]
    assert set(chosen) == set(POOL)


def test_adding_a_number_changes_what_few_callees_see():
    callees = [f"+3314268{number:04}" for number in range(500)]
    changed = sum(choose_caller_id(POOL, each) != choose_caller_id(POOL[:4], each) for each in callees)
    assert changed == sum(choose_caller_id(POOL, each) == BERLIN for each in callees)


@pytest.mark.parametrize("given", [POOL, tuple(POOL), ", ".join(POOL), f"{','.join(POOL)},"])
def test_a_list_may_come_from_a_dag_a_template_or_the_connection(given):
    assert request(given).from_number == SAN_FRANCISCO
    if isinstance(given, str):
        assert request(connection=given).from_number == SAN_FRANCISCO


@pytest.mark.parametrize(
    ("given", "error"),
    [([], InvalidCallError), (",", InvalidCallError), ([SAN_FRANCISCO, 14155550199], InvalidNumberError),
     ([SAN_FRANCISCO, "unknown"], InvalidNumberError), (f"{SAN_FRANCISCO};{NEW_YORK}", InvalidNumberError)],
)  # fmt: skip
def test_a_list_with_something_else_is_rejected(given, error):
    with pytest.raises(error, match="from_number"):
        request(given)


def test_which_number_is_used_makes_no_other_request():
    assert request(POOL).fingerprint() == request(POOL[1:]).fingerprint()
    assert request(SAN_FRANCISCO).fingerprint() != request(NEW_YORK).fingerprint()


@pytest.mark.usefixtures("naps")
def test_another_choice_under_the_same_key_is_the_same_call(store):
    with wire(queued_each) as server:
        first = dialer(store, server.url).place(intent(from_number=[SAN_FRANCISCO]))
        again = [dialer(store, server.url).place(intent(from_number=given)).ref for given in (POOL, POOL[1:])]
        assert again == [first.ref] * 2
        assert len(server.requests) == 1
        chosen = dialer(store, server.url).place(intent("other", from_number=POOL))
        assert dialer(store, server.url).place(intent("other", from_number=NEW_YORK)).ref == chosen.ref


def test_a_row_of_a_list_keeps_the_number_that_was_chosen():
    defaults = CallDefaults(account(), "reminders", agent_id="agent", from_number=POOL)
    row = defaults.read(1, {"to_number": "+12125550100"}, ColumnMapping())
    assert row.fields["from_number"] == NEW_YORK
