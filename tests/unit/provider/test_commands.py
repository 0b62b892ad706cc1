"""``airflow voiceinfra calls …`` and ``store …``: what people read and settle."""

from __future__ import annotations

import csv
import io
import json

import pytest

from airflow_provider_voiceinfra import config
from airflow_provider_voiceinfra.store.models import Source
from tests.support.store_samples import claim, claim_request, deliver, queued, started, state, unknown


def test_calls_are_listed_newest_first_and_filtered(cli, store):
    lost, placed = unknown(store, "one"), claim(store, "two", to_number="+14155550177")
    store.claims.record_queued(placed, "call-2")
    _, output, _ = cli("calls", "list")
    assert output.index(placed.ref) < output.index(lost.ref)
    deliver(store, "call-2", to_number="+14155550177")
    for arguments, found in (
        (("--state", "unknown"), lost),
        (("--outcome", "answered"), placed),
        (("--number", "0177"), placed),
        (("--number", "+14155550177"), placed),
    ):
        [row] = json.loads(cli("calls", "list", "--output", "json", *arguments)[1])
        assert row["ref"] == found.ref
    for arguments in (("--since", "2999-01-01"), ("--until", "2000-01-01"), ("--dag", "another")):
        assert cli("calls", "list", *arguments)[1] == "No calls.\n"
        assert json.loads(cli("calls", "list", "--output", "json", *arguments)[1]) == []


def test_a_list_of_calls_is_short_and_says_how_many_more_there_are(cli, store):
    newest = [claim(store, f"key-{number}").ref for number in range(5)][:2:-1]
    _, output, errors = cli("calls", "list", "--limit", "2", "--output", "json")
    assert [row["ref"] for row in json.loads(output)] == newest
    assert errors == "3 more calls match: --limit shows more of them.\n"
    assert cli("calls", "list", "--limit", "5")[2] == ""


def test_a_call_of_a_callback_of_a_dag_is_listed_without_a_task(cli, store):
    ours = claim(store, source=Source("one", "manual__1"))
    [line] = [each for each in cli("calls", "list")[1].splitlines() if ours.ref in each]
    assert line.endswith(" one manual__1")


def test_a_call_is_shown_with_its_history_and_without_its_words(cli, store):
    ours = unknown(store)
    deliver(store, "call-1", **started())
    _, output, _ = cli("calls", "show", ours.ref)
    for word in ("completed", "call-1", "answered", "+1415•••0100", "claimed", "permitted", "unknown", "recovered"):
        assert word in output


def test_a_call_shows_the_completion_of_another_number(cli, store):
    ours = queued(store, "call-1")
    deliver(store, "call-1", to_number="+14155550123")
    _, output, _ = cli("calls", "show", ours.ref)
    assert "completion_contradicts (reason: it names another to_number than was called)" in output


def test_an_unknown_call_says_what_can_be_done_and_what_is_in_the_way(cli, store):
    one, two = unknown(store, "one"), unknown(store, "two")
    deliver(store, "call-1", **started())
    _, output, _ = cli("calls", "show", one.ref)
    for word in (f"resolve {one.ref} --call-id", f"resolve {one.ref} --not-placed", "call-1", two.ref):
        assert word in output


def test_an_unknown_call_is_settled_by_its_call_id(cli, store):
    ours = unknown(store)
    assert cli("calls", "resolve", ours.ref, "--call-id", "call-7")[0] == 0
    assert store.calls.get("call-7").ref == ours.ref
    assert "resolved by" in cli("calls", "show", ours.ref)[1]


def test_an_unknown_call_that_was_not_placed_may_be_placed(cli, store):
    ours = unknown(store)
    assert cli("calls", "resolve", ours.ref, "--not-placed")[0] == 0
    assert state(store, ours.ref) == "not_placed"
    claim(store)


def test_many_that_were_not_placed_are_settled_at_once_and_one_that_cannot_be_keeps_no_other_from_it(cli, store):
    one, two = unknown(store, "one"), unknown(store, "two")
    status, said, errors = cli("calls", "resolve", one.ref, "vc_nobody", two.ref, "--not-placed")
    assert [state(store, each.ref) for each in (one, two)] == ["not_placed", "not_placed"]
    assert (status, len(said.splitlines()), len(errors.splitlines())) == (1, 2, 1)
    assert "There is no call vc_nobody" in errors


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("show", "vc_nobody"), "There is no call vc_nobody"),
        (("resolve", "vc_nobody", "--not-placed"), "There is no call vc_nobody"),
        (("resolve", "vc_nobody"), "Give either --call-id"),
        (("resolve", "vc_nobody", "--not-placed", "--call-id", "c"), "Give either --call-id"),
        (("resolve", "vc_one", "vc_two", "--call-id", "c"), "A call_id belongs to one call"),
        (("list", "--since", "yesterday"), "is not a valid time: write it like"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(cli, arguments, sentence):
    status, _, errors = cli("calls", *arguments)
    assert status == 1
    assert sentence in errors


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_the_export_has_every_step_and_every_refusal_with_its_rule(cli, store, form):
    ours, refused = unknown(store, "one"), claim(store, "two")
    store.claims.record_rejected(refused, "invalid_phone", "no")
    store.claims.record_conflict(ours.ref, "idempotency_key", fields="context")
    _, output, _ = cli("calls", "export", "--format", form)
    if form == "csv":
        rows = [row | {"detail": json.loads(row["detail"])} for row in csv.DictReader(io.StringIO(output))]
    else:
        rows = [json.loads(line) for line in output.splitlines()]
    steps = [(row["ref"], row["event"]) for row in rows]
    assert steps == [
        *((refused.ref, event) for event in ("claimed", "rejected")),
        *((ours.ref, event) for event in ("claimed", "permitted", "unknown", "conflict")),
    ]
    assert rows[1]["detail"] == {"code": "invalid_phone"}
    assert rows[-1]["detail"] == {"rule": "idempotency_key", "fields": "context"}


def test_no_cell_of_the_export_is_calculated_by_a_spreadsheet(cli, store):
    claim(store, "key", key_label="=HYPERLINK(1)", source=Source("+dag", "@run", "run", "-1+1"))
    _, output, _ = cli("calls", "export", "--format", "csv")
    [row, *_] = csv.DictReader(io.StringIO(output))
    assert (row["idempotency_key"], row["dag_id"], row["run_id"]) == ("'=HYPERLINK(1)", "'+dag", "'@run")
    assert (row["task_id"], row["map_index"], row["number"]) == ("'-1+1", "-1", "+1415•••0100")


def test_a_store_that_is_missing_is_said_in_a_sentence(cli, monkeypatch):
    monkeypatch.setenv("AIRFLOW__VOICEINFRA__CALL_STORE", "sqlite:////nowhere/voiceinfra.db")
    config.call_store.cache_clear()
    for command in (("calls", "list"), ("store", "status")):
        status, _, errors = cli(*command)
        assert status == 1
        assert "There is no call store at" in errors


def test_the_store_says_what_it_holds(cli, store):
    unknown(store)
    store.claims.take(claim_request("other"))
    _, output, _ = cli("store", "status")
    assert "can be used" in output
    assert [line.split() for line in output.splitlines()[2:]] == [["claimed", "1"], ["unknown", "1"]]
