"""A person gives a webhook in quarantine to the call that it is of."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.errors import StoreError
from airflow_provider_voiceinfra.store.models import DeliveryResult
from tests.support.store_samples import NUMBER, deliver, delivery, queued, rows, state
from tests.unit.store.test_do_not_call import is_listed

NAMELESS = b'{"event": "call.completed", "call_outcome": "voicemail", "summary": "later", "data": {"stop": "yes"}}'
BROKEN = b'{"call_id": "call-1", "call_outcome": "voicemail", "transcript": "Agent: He'


def quarantined(store, body=NAMELESS, conn="voiceinfra_default"):
    assert store.deliveries.keep([delivery(body, conn)]) == [DeliveryResult.QUARANTINED]
    return store.quarantine.newest()[0].id


def reprocess(store, row_id, call_id):
    return store.deliveries.reprocess(row_id, call_id, actor="ada")


@pytest.mark.parametrize(
    ("body", "outcome", "summary"), [(NAMELESS, "voicemail", "later"), (BROKEN, "unreadable", None)]
)
def test_it_ends_its_call_with_what_can_be_read_and_is_kept_as_it_came(store, body, outcome, summary):
    ours = queued(store, "call-1")
    assert reprocess(store, quarantined(store, body), "call-1") is DeliveryResult.NEW
    call = store.calls.get(ours.ref)
    assert (call.state, call.completion.outcome, call.completion.summary) == ("completed", outcome, summary)
    assert [row.body for row in rows(store, schema.completion)] == [body]
    assert store.completions.outcomes(["call-1"]) == {"call-1": outcome}
    assert store.quarantine.count() == 0


@pytest.mark.parametrize("body", [NAMELESS, BROKEN])
def test_sent_again_it_is_in_quarantine_no_more_and_changes_nothing(store, body):
    ours = queued(store, "call-1")
    reprocess(store, quarantined(store, body), "call-1")
    before = store.calls.get(ours.ref)
    assert store.deliveries.keep([delivery(body)]) == [DeliveryResult.DUPLICATE]
    assert store.calls.get(ours.ref) == before
    assert store.quarantine.count() == 0


def test_beside_another_completion_it_is_kept_and_not_acted_upon(store):
    ours = queued(store, "call-1")
    deliver(store, "call-1")
    assert reprocess(store, quarantined(store, BROKEN), "call-1") is DeliveryResult.DIFFERENT
    assert reprocess(store, quarantined(store, NAMELESS), "call-1") is DeliveryResult.DIFFERENT
    assert store.calls.get(ours.ref).completion.outcome == "answered"
    assert len(rows(store, schema.completion)) == 3


def test_it_ends_no_call_of_another_connection_and_stays(store):
    ours = queued(store, "call-1")
    row_id = quarantined(store, conn="second")
    with pytest.raises(StoreError, match="second"):
        reprocess(store, row_id, "call-1")
    with pytest.raises(StoreError, match="did not place call call-2"):
        reprocess(store, row_id, "call-2")
    assert (state(store, ours.ref), store.quarantine.body(row_id)) == ("queued", NAMELESS)


def test_what_is_not_there_is_said_to_be_so(store):
    queued(store, "call-1")
    row_id = quarantined(store)
    reprocess(store, row_id, "call-1")
    for gone in (row_id, row_id + 1):
        with pytest.raises(StoreError, match="no webhook"):
            reprocess(store, gone, "call-1")


def test_a_person_who_asked_not_to_be_called_is_heard(open_store):
    store = open_store(opt_out_field="stop")
    queued(store, "call-1")
    reprocess(store, quarantined(store), "call-1")
    assert is_listed(store, NUMBER)


def test_its_words_are_purged_with_its_call(store):
    queued(store, "call-1")
    reprocess(store, quarantined(store, BROKEN), "call-1")
    store.retention.purge(datetime.now(UTC) + timedelta(days=1))
    assert [row.body for row in rows(store, schema.completion)] == [b""]
    assert [row.body for row in rows(store, schema.quarantine)] == [b""]


def test_who_reprocessed_it_is_recorded_with_its_call(store):
    ours = queued(store, "call-1")
    row_id = quarantined(store)
    reprocess(store, row_id, "call-1")
    event = store.calls.history(store.calls.get(ours.ref).id)[-1]
    assert (event.kind, event.actor, event.detail) == ("reprocessed", "ada", {"webhook": str(row_id)})
