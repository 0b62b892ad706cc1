"""``airflow voiceinfra lists …``: what an operations team sees of a list, and what it redials."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_voiceinfra.store.guard.pauses import Scope
from airflow_provider_voiceinfra.store.lists.row_values import NewRow
from airflow_provider_voiceinfra.store.models import Source
from tests.support.store_samples import NUMBER, deliver, queued, unknown

UNTIL = datetime(2026, 12, 1, 9, tzinfo=UTC)


@pytest.fixture
def list_id(store):
    return store.lists.open(Source("dag", "run 1", "run", "call"))


@pytest.fixture
def read(store, list_id):
    rows = [NewRow(1, "[vip]", NUMBER, {}, {}), NewRow(2, "c2", "", {}, {}, wrong="no_country_code")]
    import_version = store.lists.begin_import(list_id)
    store.lists.add(list_id, rows, import_version)
    store.lists.finish_import(list_id, import_version, 0)


def shown(cli, list_id):
    [facts] = json.loads(cli("lists", "show", list_id, "--output", "json")[1])
    return facts


def test_a_list_says_how_far_it_has_come(cli, store, list_id):
    assert shown(cli, list_id)["state"] == "reading"
    store.lists.finish_import(list_id, store.lists.begin_import(list_id), 0)
    assert shown(cli, list_id)["state"] == "planned"
    store.list_states.dialling(list_id)
    assert shown(cli, list_id)["state"] == "dialling"
    store.list_states.deferred(list_id, UNTIL, None)
    assert shown(cli, list_id)["state"] == "deferred until 2026-12-01 09:00:00 UTC"
    store.list_states.failed(list_id, "its query failed")
    assert shown(cli, list_id)["state"] == "failed: its query failed"
    store.list_states.done(list_id)
    assert shown(cli, list_id)["state"] == "done"


@pytest.mark.parametrize("scope", [Scope.LIST, Scope.DAG, Scope.ALL, Scope.AGENT])
def test_a_list_says_who_paused_it_and_who_cancelled_it(cli, store, list_id, read, scope):
    name = {Scope.LIST: list_id, Scope.DAG: "dag", Scope.ALL: "", Scope.AGENT: "agent"}[scope]
    pause_id = store.pauses.pause(scope, name, reason="wrong date", actor="ada")
    store.list_states.deferred(list_id, UNTIL, pause_id if scope is Scope.AGENT else None)
    assert shown(cli, list_id)["state"] == "paused by ada: wrong date"
    assert shown(cli, store.lists.open(Source("other", "run", "run", "call")))["state"] == "reading"
    store.pauses.resume(scope, name, actor="eve", cancel=scope is Scope.LIST)
    ends = {Scope.LIST: "cancelled by eve"}
    assert shown(cli, list_id)["state"] == ends.get(scope, "deferred until 2026-12-01 09:00:00 UTC")


def test_lists_and_their_counts_are_shown_in_airflows_formats(cli, list_id, read):
    [facts] = json.loads(cli("lists", "list", "--output", "json")[1])
    assert (facts["list"], facts["state"], facts["run"]) == (list_id, "planned", "run 1")
    for output in ("table", "plain", "yaml"):
        said = cli("lists", "show", list_id, "-o", output)[1]
        assert all(each in said for each in (list_id, "planned", "run 1", "set_aside"))
    facts = shown(cli, list_id)
    assert (facts["rows"], facts["pending"], facts["set_aside"]) == ("2", "1", "1")


@pytest.mark.parametrize("output", ["table", "plain", "json", "yaml"])
def test_rows_of_a_list_are_listed_by_key_with_why_they_are_set_aside(cli, list_id, read, output):
    said = cli("lists", "rows", list_id, "--output", output)[1]
    assert all(each in said for each in ("[vip]", "c2", "no_country_code"))
    for filters in (["--state", "set_aside"], ["--result", "no_country_code"]):
        said = cli("lists", "rows", list_id, *filters, "--output", output)[1]
        assert ("c2" in said, "[vip]" in said) == (True, False)


@pytest.mark.parametrize("command", ["show", "rows", "redial"])
def test_a_list_that_does_not_exist_is_an_error(cli, command):
    status, _, errors = cli("lists", command, "vl_none")
    assert (status, "There is no list vl_none" in errors) == (1, True)


def end(store, list_id, ref, result):
    [row] = store.list_rows.due(list_id, datetime.now(UTC) + timedelta(seconds=1), 9)
    store.list_rows.done(row, result, ref)


@pytest.mark.parametrize("named", [True, False])
def test_rows_that_failed_are_redialled_and_it_is_said_who_dials_them(cli, store, list_id, read, named):
    ours = queued(store, "call-1", list_id=list_id)
    deliver(store, "call-1", call_outcome="failed")
    end(store, list_id, ours.ref, "failed")
    which = [ours.ref] if named else ["--result", "failed"]
    store.list_states.done(list_id)
    status, output, _ = cli("lists", "redial", list_id, *which)
    assert (status, output.startswith(f"Due again: 1 row of list {list_id}.")) == (0, True)
    assert "Its task has ended: clear task call in run run 1 of DAG dag, so that it dials them." in output
    store.list_states.dialling(list_id)
    [row] = store.list_rows.due(list_id, datetime.now(UTC) + timedelta(seconds=1), 9)
    store.list_rows.done(row, "failed", ours.ref)
    assert "Its task dials them within ten minutes." in cli("lists", "redial", list_id, *which)[1]
    assert cli("lists", "redial", list_id, "--result", "failed")[1] == f"Due again: 0 rows of list {list_id}.\n"


def test_unknown_rows_are_not_redialled_even_by_ref(cli, store, list_id, read):
    ours = unknown(store, list_id=list_id)
    end(store, list_id, ours.ref, "unknown")
    for which in (["--result", "unknown"], [ours.ref]):
        status, _, errors = cli("lists", "redial", list_id, *which)
        assert (status, "not redialled" in errors) == (1, True)
    assert cli("lists", "redial", list_id)[0] == 1
    assert "None" not in cli("lists", "show", list_id)[1]
    assert store.list_rows.next_due(list_id) is None
