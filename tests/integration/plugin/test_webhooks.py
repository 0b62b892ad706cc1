"""Webhooks on the Calls page: what each number of the overview counts, and the quarantine for those with the right."""

from __future__ import annotations

import re

import pytest

from tests.integration.plugin.conftest import NUMBER, SECRET, act, deliver, get, queued, toast
from tests.integration.plugin.test_pages import text
from tests.support.rights import rights
from tests.support.store_samples import delivery

NAMELESS = f'{{"event": "call.completed", "call_outcome": "voicemail", "summary": "{SECRET} {NUMBER}"}}'


@pytest.fixture
def webhook_id(store):
    """A webhook in quarantine."""
    store.deliveries.keep([delivery(NAMELESS.encode())])
    return store.quarantine.newest()[0].id


def test_each_number_of_the_overview_leads_to_what_it_counts(visit, store, webhook_id):
    ours = queued(store, "call-1")
    deliver(store, "call-1")
    deliver(store, "of nobody")
    store.rejected_webhooks.add("other_connection", 3)
    client = visit()
    page = get(client, "/webhooks")
    for part, shown in {
        "newest": ours.ref,
        "rejected": "other_connection 3",
        "quarantine": f"{webhook_id} {len(NAMELESS)} bytes",
        "unmatched": "of nobody +14155550100 answered",
    }.items():
        assert f'href="/voiceinfra/calls/webhooks#{part}"' in get(client, "/overview").text
        section = re.search(rf'<section id="{part}".*?</section>', page.text, re.DOTALL)[0]
        assert shown in re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", section)), part


def test_a_webhook_in_quarantine_is_read_and_completes_its_call_under_the_users_name(visit, store, webhook_id):
    ours, client = queued(store, "call-1"), visit()
    assert SECRET in text(get(client, f"/webhooks/{webhook_id}/body"))
    assert SECRET not in get(client, "/webhooks").text
    assert "Which call" in text(get(client, f"/webhooks/{webhook_id}/reprocess"))
    assert "is the completion" in toast(act(client, f"/webhooks/{webhook_id}/reprocess", call=ours.ref))
    call = store.calls.get(ours.ref)
    assert (call.state, call.completion.outcome) == ("completed", "voicemail")
    event = store.calls.history(call.id)[-1]
    assert (event.kind, event.actor) == ("reprocessed", "admin")
    assert "reprocessed by admin" in text(get(client, f"/{ours.ref}"))
    assert "No webhooks in quarantine" in get(client, "/webhooks").text
    assert get(client, f"/webhooks/{webhook_id}/body").status_code == 404


def test_a_call_that_it_cannot_complete_is_refused_with_a_reason(visit, store, webhook_id):
    queued(store, "call-1")
    for form in ({}, {"call": "vc_none"}):
        answer = act(visit(), f"/webhooks/{webhook_id}/reprocess", **form)
        assert (answer.status_code, "no such call" in answer.text) == (422, True)
    answer = act(visit(), f"/webhooks/{webhook_id + 1}/reprocess", call="call-1")
    assert (answer.status_code, "no webhook" in answer.text) == (422, True)
    assert store.quarantine.count() == 1


def test_content_is_for_those_who_may_read_it_and_reprocessing_for_those_who_may_edit(visit, store, webhook_id):
    queued(store, "call-1")
    deliver(store, "of nobody", to_number=NUMBER)
    nobody = visit("ada", rights("one", "one", "one"))
    assert get(nobody, "/webhooks").status_code == 403
    assert "/webhooks" not in get(nobody, "/overview").text
    reader, hearer = visit("bob", rights("*")), visit("carol", rights("*", "*"))
    editor = visit("eve", rights("*", "", "*"))
    for client, may_hear, may_edit in ((nobody, 0, 0), (reader, 0, 0), (hearer, 1, 0), (editor, 0, 1)):
        page = get(client, "/webhooks").text
        assert ("Read…" in page, "Reprocess…" in page, NUMBER in page) == (may_hear, may_edit, may_hear)
        assert get(client, f"/webhooks/{webhook_id}/body").status_code == (200 if may_hear else 403)
        assert get(client, f"/webhooks/{webhook_id}/reprocess").status_code == (200 if may_edit else 403)
    for client in (nobody, reader, hearer):
        assert act(client, f"/webhooks/{webhook_id}/reprocess", call="call-1").status_code == 403
    assert store.quarantine.count() == 1
    assert "is the completion" in toast(act(editor, f"/webhooks/{webhook_id}/reprocess", call="call-1"))
