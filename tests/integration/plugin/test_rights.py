"""Nobody sees or does anything without a session, and everybody only what Airflow's auth manager lets them."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

import pytest
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from fastapi.routing import APIRoute
from starlette.routing import Mount

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.guard.pauses import Scope
from airflow_provider_voiceinfra.store.lists.row_values import NewRow
from airflow_provider_voiceinfra.store.models import Source
from tests.integration.plugin.conftest import BASE, NUMBER, OURS, SECRET, act, claim, deliver, find, get, queued
from tests.support.rights import rights
from tests.support.store_samples import delivery, rows

MASKED = "+1415•••0100"
TRICKS = ("", "?user=admin", "?user={}", "?permissions=admin", "?token=x", "?_token=x&user[name]=admin")


@pytest.fixture
def busy(store):
    """A store with something behind every route: gives what the routes' parameters stand for."""
    ours = queued(store, "call-1", source=Source("one", "run", "run", "task"))
    deliver(store, "call-1", summary=f"summary {SECRET}", data={"policy": SECRET})
    unknown = claim(store, "unknown", source=Source("one", "run", "run", "other"), to_number=NUMBER)
    store.claims.record_unknown(unknown, "no answer")
    list_id = store.lists.open(Source("one", "run", "run", "list"))
    new = [NewRow(1, "her key", NUMBER, {}, {}), NewRow(2, None, NUMBER, {}, {}, "invalid")]
    store.lists.add(list_id, new, store.lists.begin_import(list_id))
    store.pauses.pause(Scope.DAG, "one", reason="it says the wrong date", actor="ada")
    store.deliveries.keep([delivery(f'{{"summary": "{SECRET} {NUMBER}"}}'.encode())])
    webhook_id = str(store.quarantine.newest()[0].id)
    return {"ref": ours.ref, "unknown": unknown.ref, "list_id": list_id, "webhook_id": webhook_id}


def page_of(app):
    [mount] = [route for route in app.routes if isinstance(route, Mount)]
    return mount.app


def every_route(app, busy):
    """All routes of the page: method and path, with something that is there."""
    for route in page_of(app).routes:
        if isinstance(route, Mount):
            assert route.name == "static"
            continue
        assert isinstance(route, APIRoute), route
        path = BASE + re.sub(r"\{(\w+)\}", lambda match: quote(busy[match[1]]), route.path)
        yield from ((method, path) for method in route.methods)


def test_without_a_session_every_route_answers_401_whatever_is_said(app, visit, busy):
    routes = list(every_route(app, busy))
    assert len(routes) > 15
    for method, path in routes:
        for trick in TRICKS:
            answer = visit(None).request(method, path + trick, headers=OURS)
            assert answer.status_code == 401, (method, path, trick)
            assert SECRET not in answer.text
            assert NUMBER not in answer.text


def test_so_does_a_route_that_asks_nobody_who_they_are(app, visit):
    page_of(app).get("/some/new/route")(lambda: "data")
    assert visit(None).get(f"{BASE}/some/new/route").status_code == 401
    assert visit().get(f"{BASE}/some/new/route").json() == "data"


def test_a_session_that_nobody_has_signed_is_none(app, visit, busy, auth_manager, monkeypatch):
    token = auth_manager.generate_jwt(SimpleAuthManagerUser(username="admin", role="admin"))
    client = visit(None)
    client.cookies.set("_token", token[:-4] + "AAAA")
    for method, path in every_route(app, busy):
        assert client.request(method, path, headers=OURS).status_code in {401, 403}, path


def test_what_is_public_holds_no_data(app, visit):
    [static] = [route for route in page_of(app).routes if isinstance(route, Mount)]
    assert static.path == "/static"
    answer = visit(None).get(f"{BASE}/static/calls.css")
    assert answer.status_code == 200
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    for path in ("../templates/call.html", "%2e%2e/templates/call.html", "..%2fapp.py"):
        assert visit(None).get(f"{BASE}/static/{path}").status_code in {401, 404}


def test_reading_changes_nothing(app, visit, busy, store):
    def everything():
        return {table.name: rows(store, table) for table in schema.metadata.sorted_tables}

    before, client = everything(), visit()
    for method, path in every_route(app, busy):
        if method == "GET":
            query = "?scope=dag&name=one" if path.endswith("/pauses/resume") else ""
            assert client.get(path + query).status_code == 200, path
    assert everything() == before


def test_every_answer_lets_browsers_run_only_our_own_scripts(app, visit, busy):
    for name in (None, "admin"):
        for method, path in every_route(app, busy):
            headers = visit(name).request(method, path).headers
            policy = headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "script-src 'self';" in policy
            assert "unsafe" not in policy
            assert "frame-ancestors 'self'" in policy
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert headers["Referrer-Policy"] == "same-origin"
            assert headers["Cache-Control"] == "no-store"


def test_a_user_sees_the_calls_of_the_dags_that_they_may_see(visit, store):
    refs = {
        dag_id: claim(store, str(dag_id), source=Source(dag_id, "run", "run", "task")).ref
        for dag_id in ("one", "two", "gone", None)
    }
    for may, seen in (
        (rights(read="one"), {"one"}),
        (rights(read="one two", content="*", edit="*"), {"one", "two"}),
        (rights(), set()),
        (rights(read="*"), set(refs)),
    ):
        client = visit("ada", may)
        shown = get(client).text
        assert {dag_id for dag_id, ref in refs.items() if ref in shown} == seen
        assert {dag_id for dag_id, ref in refs.items() if get(client, f"/{ref}").status_code == 200} == seen
        for dag_id, ref in refs.items():
            if dag_id not in seen:
                assert get(client, f"/{ref}").status_code == 404
                assert ref not in get(client, "/rows", dag=str(dag_id)).text


def test_what_a_user_may_not_see_is_not_told_from_what_is_not_there(visit, busy):
    client = visit("ada", rights(read="two"))
    for path in (f"/{busy['ref']}", f"/{busy['ref']}/now", f"/lists/{busy['list_id']}/rows.csv"):
        hidden, missing = get(client, path), get(client, re.sub(r"v[cl]_\w+", "vc_none", path))
        assert (hidden.status_code, hidden.text) == (missing.status_code, missing.text)
        assert hidden.status_code == 404
    assert "one" not in re.sub(r"<head>.*</head>", "", get(client, "/pauses").text.split("<main")[1])


def test_numbers_and_words_are_for_those_who_may_read_xcoms(visit, busy):
    paths = ["/", "/rows", f"/{busy['ref']}", f"/{busy['unknown']}", f"/lists/{busy['list_id']}"]
    paths += [f"/lists/{busy['list_id']}/rows.csv", f"/{busy['ref']}/now", "/overview"]
    for path in paths:
        shown = get(visit("ada", rights(read="one", edit="one")), path).text
        assert SECRET not in shown, path
        assert "4155550100" not in shown, path
        assert "her key" not in shown, path
    assert MASKED in get(visit("ada"), "/").text
    hearing = visit("bob", rights(read="one", content="one"))
    assert NUMBER in get(hearing, "/").text
    shown = get(hearing, f"/{busy['ref']}").text
    assert shown.count(SECRET) >= 3
    assert "her key" in get(hearing, f"/lists/{busy['list_id']}/rows.csv").text


def test_nobody_learns_a_number_by_looking_for_it_digit_by_digit(visit, busy):
    masked, hearing = visit("ada", rights(read="one")), visit("bob", rights(read="one", content="one"))
    assert busy["ref"] in get(masked, q="0100").text
    assert busy["ref"] not in masked.get(find(masked, q="50100")).text
    assert busy["ref"] in hearing.get(find(hearing, q="50100")).text


def test_a_number_that_is_looked_for_is_in_no_address(visit, busy):
    client = visit()
    where = find(client, q="+1 (415) 555-0100", dag="one")
    assert "dag=one" in where
    shown = client.get(where).text
    assert busy["ref"] in shown
    assert 'value="14155550100"' in shown
    for address in (where, *re.findall(r'(?:href|hx-get|action)="([^"]*)"', shown)):
        assert "0100" not in address, address
    assert get(client, q="14155550100").status_code == 400
    assert get(client, q=f"~{where[-40:]}").status_code == 400
    # Nor do they learn it who are given that address.
    assert "4155550100" not in visit("ada", rights(read="one")).get(where).text
    # Four of them are shown to everybody.
    assert "q=0100" in find(client, q="0100")


@pytest.mark.parametrize(
    "written",
    [
        "+1\N{NON-BREAKING HYPHEN}415\N{NON-BREAKING HYPHEN}555\N{NON-BREAKING HYPHEN}0100",
        "+1\N{NO-BREAK SPACE}415\N{NO-BREAK SPACE}555\N{NO-BREAK SPACE}0100",
        "".join(chr(ord(digit) + 0xFEE0) for digit in "14155550100"),
        "1_415_555_0100",
    ],
    ids=["dashes", "spaces", "wide", "underscores"],
)
def test_a_number_is_found_however_it_is_written_and_is_in_no_address(visit, busy, written):
    client = visit()
    where = find(client, q=written)
    assert written not in unquote(where)
    assert busy["ref"] in client.get(where).text


def test_what_is_no_number_but_contains_one_is_in_no_address(visit, busy):
    assert "4155550100" not in find(visit(), q="14155550100x5")


def test_metadata_finds_only_calls_whose_content_may_be_read_and_is_in_no_address(visit, busy):
    where = find(visit(), q="appointment:7")
    assert "appointment" not in where
    shown = visit().get(where).text
    assert busy["ref"] in shown
    for address in re.findall(r'(?:href|hx-get|action)="([^"]*)"', shown):
        assert "appointment" not in address
    masked = visit("ada", rights(read="one")).get(where).text
    assert busy["ref"] not in masked
    assert "appointment" not in masked
    assert busy["ref"] in visit("bob", rights(read="one", content="one")).get(where).text
    assert get(visit(), q="appointment:7").status_code == 400


def test_acts_take_the_right_to_edit_the_dag(visit, busy, store):
    actions = [
        ("/pauses/pause", {"scope": "dag", "name": "one", "reason": "x"}),
        ("/pauses/pause", {"scope": "list", "name": busy["list_id"], "reason": "x"}),
        ("/pauses/resume", {"scope": "dag", "name": "one"}),
        (f"/{busy['unknown']}/resolve", {"found": "not_placed"}),
        (f"/{busy['ref']}/do-not-call", {}),
    ]
    reader = visit("ada", rights(read="one two", content="one two", edit="two"))
    before = rows(store, schema.pause)
    for path, form in actions:
        assert act(reader, path, **form).status_code == 403, path
        if path.endswith(("resolve", "do-not-call")):
            assert get(reader, path).status_code == 403
    assert rows(store, schema.pause) == before
    assert "Resolve…" not in get(reader, f"/{busy['unknown']}").text
    editor = visit("eve", rights(read="one", edit="one"))
    assert "Resolve…" in get(editor, f"/{busy['unknown']}").text
    for path, form in actions:
        assert act(editor, path, **form).status_code == 204, path


@pytest.mark.parametrize("scope", ["all", "connection", "agent"])
def test_what_stops_more_than_a_dag_takes_the_right_to_edit_all(visit, store, scope):
    editor = visit("eve", rights(read="one two", content="one two", edit="one two"))
    form = {"scope": scope, "name": "" if scope == "all" else "x", "reason": "x", "force": "true"}
    assert act(editor, "/pauses/pause", **form).status_code == 403
    assert store.pauses.in_force() == []
    assert act(visit(), "/pauses/pause", **form).status_code == 204
    assert "Resume…" not in get(editor, "/pauses").text
    assert act(editor, "/pauses/resume", scope=scope, name=form["name"]).status_code == 403
    assert "Resume…" in get(visit(), "/pauses").text


BARE = {"Sec-Fetch-Site": "same-origin"}
FORGED = [
    {},
    {"HX-Request": "true"},
    {"HX-Request": "true", "Sec-Fetch-Site": "cross-site"},
    {"HX-Request": "true", "Sec-Fetch-Site": "same-site"},
    {"HX-Request": "true", "Sec-Fetch-Site": "none"},
    {"HX-Request": "true", "Origin": "https://evil.example"},
    {"HX-Request": "true", "Origin": "null"},
    {"HX-Request": "true", "Sec-Fetch-Site": "cross-site", "Origin": "https://airflow.example.com"},
]


@pytest.mark.parametrize("headers", [*FORGED, BARE])
def test_no_other_site_can_make_a_browser_act(app, visit, busy, store, headers):
    before = rows(store, schema.pause), rows(store, schema.do_not_call), rows(store, schema.call_event)
    posts = [path for method, path in every_route(app, busy) if method == "POST"]
    assert len(posts) == 10
    if headers == BARE:
        # Forms without script, which may look for calls and rows and no more.
        posts.remove(f"{BASE}/find")
        posts.remove(f"{BASE}/lists/{busy['list_id']}/rows")
    for path in posts:
        answer = visit().post(path, data={"scope": "all", "reason": "x", "found": "not_placed"}, headers=headers)
        assert answer.status_code == 403, path
    assert (rows(store, schema.pause), rows(store, schema.do_not_call), rows(store, schema.call_event)) == before


def test_who_is_faster_than_the_scripts_finds_calls_too(visit, busy):
    answer = act(visit(), "/find", BARE, q="50100")
    assert answer.status_code == 303
    where = answer.headers["location"]
    assert "50100" not in where
    assert busy["ref"] in visit().get(where).text


def test_nobody_leaves_a_file_with_the_server(visit, store):
    path = f"{BASE}/pauses/pause"
    answer = visit(None).post(path, files={"reason": ("reason", b"x" * 2_000_000)}, headers=OURS)
    assert answer.status_code == 415
    assert visit().post(path, json={"scope": "all", "reason": "x"}, headers=OURS).status_code == 415
    assert rows(store, schema.pause) == []


def test_where_browsers_do_not_tell_the_site_its_origin_is_enough(visit, store):
    headers = {"HX-Request": "true", "Origin": "https://airflow.example.com"}
    assert act(visit(), "/pauses/pause", headers, scope="all", reason="x", force="true").status_code == 204
    headers["Content-Type"] = "application/x-www-form-urlencoded;charset=UTF-8"
    assert act(visit(), "/pauses/resume", headers, scope="all").status_code == 204


def test_a_store_that_is_away_is_told_without_words_of_it(visit, busy, store, tmp_path):
    store.close()
    store.database.path.rename(tmp_path / "away.db")
    answer = get(visit(), "/")
    assert answer.status_code == 503
    assert str(store.database.path) not in answer.text


def test_the_names_of_an_attacker_are_shown_as_text(visit, store):
    evil = "<script>alert(1)</script>"
    ours = claim(store, "evil", source=Source(evil, evil, evil, evil), agent_id=evil, key_label=evil)
    for path in ("/", f"/{ours.ref}", "/overview", "/pauses/pause"):
        assert evil not in get(visit(), path).text
    assert evil not in get(visit(), "/", dag=evil, run=evil, list=evil, outcome=evil).text
