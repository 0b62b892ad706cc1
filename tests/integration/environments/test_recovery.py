"""Calls of which nobody knows what became are judged in all environments together, and named in their own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_voiceinfra.store.claims.resolutions import ResolutionError
from airflow_provider_voiceinfra.store.feed.completed_calls import CompletionFilter
from tests.support.store_samples import SECRET, claim, deliver, queued, started, state, unknown


def read_foreign(store, cursor="foreign"):
    wanted = CompletionFilter(placed_here=False, foreign=True)
    with store.cursors.completions(cursor, wanted, datetime.now(UTC) - timedelta(days=1)) as completions:
        return [each.call_id for each in completions]


def test_a_completion_that_fits_a_call_of_each_environment_settles_neither(staging_store, production_store):
    stores = (staging_store, production_store)
    refs = [unknown(store).ref for store in stores]
    deliver(production_store, "call-1", **started())
    assert [state(store, ref) for store, ref in zip(stores, refs, strict=True)] == ["unknown", "unknown"]
    for store, ref in zip(stores, refs, strict=True):
        # The other one is counted, and not named.
        assert store.resolutions.candidates(ref) == ((), ("call-1",), 1)


def test_a_call_that_is_being_placed_elsewhere_counts_as_well(staging_store, production_store):
    ours, theirs = unknown(staging_store), claim(production_store)
    deliver(staging_store, "call-1", **started())
    assert state(staging_store, ours.ref) == "unknown"
    production_store.claims.record_queued(theirs, "call-1")
    assert state(production_store, theirs.ref) == "completed"
    assert state(staging_store, ours.ref) == "unknown"


def test_what_is_found_out_in_one_environment_settles_the_other(staging_store, production_store):
    ours, theirs = unknown(staging_store), unknown(production_store)
    deliver(staging_store, "call-1", **started())
    staging_store.resolutions.not_placed(ours.ref, actor="ada")
    assert state(production_store, theirs.ref) == "completed"


@pytest.mark.parametrize("lost", [False, True])
def test_nobodys_words_are_not_read_while_they_may_be_another_environments(staging_store, production_store, lost):
    """A webhook may come before the POST is answered; the cursor of staging does not pass it either."""
    theirs = claim(production_store)
    deliver(production_store, "call-1", **started(), summary=SECRET)
    if lost:
        deliver(production_store, "call-2", **started())
        production_store.claims.record_unknown(theirs, "timeout")
    assert staging_store.calls.completion("call-1") is None
    assert staging_store.completions.outcomes(["call-1"]) == {}
    assert read_foreign(staging_store) == []
    # It was another call's, placed from nowhere here.
    production_store.claims.record_queued(theirs, "call-3")
    assert read_foreign(staging_store) == (["call-1", "call-2"] if lost else ["call-1"])
    assert staging_store.completions.outcomes(["call-1"]) == {"call-1": "answered"}
    assert staging_store.calls.completion("call-1").summary == SECRET


def test_they_are_never_read_where_they_turn_out_to_be(staging_store, production_store):
    theirs = claim(production_store)
    deliver(production_store, "call-1", **started())
    assert read_foreign(staging_store) == []
    production_store.claims.record_queued(theirs, "call-1")
    assert read_foreign(staging_store) == read_foreign(production_store) == []


def test_an_unknown_call_keeps_no_other_completions_back(staging_store, production_store):
    unknown(production_store)
    deliver(production_store, "another-agent", **started(agent_id="another"))
    deliver(production_store, "before", **started(-3_600))
    assert read_foreign(staging_store) == ["another-agent", "before"]
    assert read_foreign(production_store) == ["another-agent", "before"]


def test_a_resolution_does_not_name_another_environments_call(staging_store, production_store):
    ours, theirs = unknown(staging_store), queued(production_store, "call-1")
    with pytest.raises(ResolutionError, match="the call_id of a call of another environment") as error:
        staging_store.resolutions.placed(ours.ref, "call-1", actor="ada")
    assert theirs.ref not in str(error.value)
    for change in (
        lambda: staging_store.resolutions.not_placed(theirs.ref, actor="ada"),
        lambda: staging_store.resolutions.placed(theirs.ref, "call-2", actor="ada"),
    ):
        with pytest.raises(ResolutionError, match="There is no call"):
            change()
