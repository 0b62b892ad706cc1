"""Each call of a list has its own answer and its own completion, whatever comes before and beside them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.dags import call_lists

AREAS = (212, 201, 202, 203, 205, 206, 207, 208, 209, 210, 213, 214, 215, 216, 217, 218, 219, 224, 225, 228)
INTERIM, OTHER_ANSWER, OTHER_WEBHOOK = "16", "53", "66"


@pytest.fixture
def run_list(airflow_database, voiceinfra):
    def run(codes, **fields):
        calls = [{"to_number": f"+1{area}55501{code}"} for area, code in zip(AREAS, codes, strict=False)]
        dag = call_lists.make_dag(call_lists.of_rows, calls=calls, **fields)
        return dag.test(logical_date=datetime.now(UTC))

    return run


def assert_each_has_its_own(voiceinfra):
    dialled = {dial.call_id: dial.to_number for dial in voiceinfra.dials}
    calls = list(voiceinfra.store.calls.iterate())
    assert {call.call_id: call.to_number for call in calls} == dialled
    assert [call.completion.to_number for call in calls] == [call.to_number for call in calls]


@pytest.mark.parametrize("lines", [1, 4])
def test_interim_responses_shift_no_answer(run_list, voiceinfra, lines):
    """On one connection, the first 102 would give each call the answer of the one before."""
    run_list([INTERIM, "00"] * 10, max_in_flight=lines)
    assert len(voiceinfra.dials) == 20
    assert_each_has_its_own(voiceinfra)
    assert all(call.queued_at for call in voiceinfra.store.calls.iterate())


def test_an_answer_to_another_call_leaves_the_call_to_its_own_webhook(run_list, voiceinfra):
    run_list([OTHER_ANSWER, "00"] * 4, max_in_flight=8)
    assert len(voiceinfra.dials) == 8
    assert_each_has_its_own(voiceinfra)


def test_a_webhook_of_another_number_completes_nobodys_call(run_list, voiceinfra):
    run_list([OTHER_WEBHOOK, "00", "00"], max_in_flight=3, completion_timeout=timedelta(seconds=2))
    ended = {call.to_number: call for call in voiceinfra.store.calls.iterate()}
    other = ended.pop("+12125550166")
    assert (other.state, other.completion) == ("overdue", None)
    assert [call.completion.to_number for call in ended.values()] == list(ended)
    assert "completion_contradicts" in {event.kind for event in voiceinfra.store.calls.history(other.id)}
