"""The Calls page of staging shows nothing of production, and changes nothing of it. Every route is tried."""

from __future__ import annotations

from urllib.parse import unquote_plus

import pytest
from fastapi.routing import APIRoute

from airflow_provider_voiceinfra.plugin.calls_page import (
    actions,
    calls,
    do_not_call,
    export,
    list_rows,
    lists,
    overview,
    pauses,
    webhooks,
)
from tests.integration.environments.neighbour import fill
from tests.integration.plugin.conftest import BASE, OURS, deliver, find
from tests.support.store_samples import started, unknown


@pytest.fixture
def production_store(open_store):
    return open_store(environment="production", opt_out_field="do_not_call", forward_to=("https://example.com/",))


@pytest.fixture
def production(production_store):
    return fill(production_store, "zqprod", "0117")


@pytest.fixture
def store(open_store):
    """The page's own store: staging's."""
    return open_store(environment="staging", opt_out_field="do_not_call", forward_to=("https://example.com/",))


@pytest.fixture
def staging(store):
    return fill(store, "zqstag", "0198")


def addresses(path, production, staging):
    """Fill a route in with what is production's, and with staging's own."""
    refs = [production.ref(state) for state in ("completed", "unknown", "waiting")]
    refs += [production.call_id("completed"), staging.ref("completed"), staging.ref("unknown")]
    if "{ref}" in path:
        return [path.replace("{ref}", ref) for ref in refs]
    if "{list_id}" in path:
        return [path.replace("{list_id}", each.list_id) for each in (production, staging)]
    if "{webhook_id}" in path:
        return [path.replace("{webhook_id}", webhook_id) for webhook_id in ("1", "2")]
    scopes = [f"scope=dag&name={production.dag}", f"scope=list&name={production.list_id}", "scope=all"]
    filters = ["", "?state=completed", "?state=unknown", f"?dag={production.dag}", f"?list={production.list_id}"]
    filters += [f"?q={production.number[-4:]}", f"?dag={production.dag}&run={production.mark}_run"]
    return [path + query for query in (*filters, *(f"?{scope}" for scope in scopes))]


def routes(method):
    """The routes of the page; its parts are those that the application takes in."""
    parts = (overview, webhooks, lists, list_rows, pauses, do_not_call, export, actions, calls)
    found = [route for part in parts for route in part.router.routes]
    assert all(isinstance(route, APIRoute) for route in found)
    return [route.path for route in found if method in route.methods]


def test_no_page_shows_what_is_another_environments(visit, production, staging, production_store):
    kept, client = production.snapshot(production_store), visit()
    for path in routes("GET"):
        for address in addresses(path, production, staging):
            answer = client.get(f"{BASE}{address}")
            assert answer.status_code < 500
            if path == "/do-not-call":
                # The list applies in all environments; its numbers are masked.
                assert production.number not in answer.text
                continue
            if path == "/webhooks/{webhook_id}/body":
                # It names no call, so it is of no environment as far as is known.
                assert answer.status_code == 200
                continue
            asked = [*unquote_plus(address).replace("?", "/").replace("&", "/").split("/"), address]
            assert not production.given_away(production_store, answer.text, asked), address
    whole_number = client.get(find(client, q=production.number))
    assert not production.given_away(production_store, whole_number.text, [production.number])
    assert production.snapshot(production_store) == kept
    assert staging.ref("completed") in client.get(f"{BASE}/").text
    assert staging.ref("unknown") in client.get(f"{BASE}/{staging.ref('unknown')}").text


def test_no_act_changes_what_is_another_environments(visit, production, staging, production_store):
    kept, client = production.snapshot(production_store), visit()
    forms = [
        {"scope": "agent", "name": f"{production.mark}_paused_agent", "reason": "reason", "cancel": "true"},
        {"scope": "dag", "name": production.dag, "reason": "reason", "cancel": "true"},
        {"scope": "list", "name": production.list_id, "reason": "reason", "cancel": "true"},
        {"scope": "all", "reason": "reason", "cancel": "true"},
        {"found": "not_placed"},
        {"found": "placed", "call_id": production.call_id("completed")},
    ]
    for path in routes("POST"):
        for address in addresses(path, production, staging):
            for form in forms:
                answer = client.post(f"{BASE}{address}", data=form, headers=OURS)
                assert answer.status_code < 500
                asked = [address, *form.values()]
                assert not production.given_away(production_store, answer.text, asked), (address, form)
                if production.mark in address.split("?")[0] or any(ref in address for ref in production.refs.values()):
                    assert answer.status_code in {404, 422}, (address, form)
    assert production.snapshot(production_store) == kept


def test_the_form_guesses_no_call_id_that_may_be_another_environments(visit, store, production_store):
    ours, theirs = unknown(store), unknown(production_store)
    deliver(store, "call-1", **started())
    client = visit()
    form, page = (client.get(f"{BASE}/{ours.ref}{path}").text for path in ("/resolve", ""))
    assert 'value="" autocomplete' in form
    for shown in (form, page):
        assert "unsettled call" in shown
        assert "environment" in shown
        assert theirs.ref not in shown
