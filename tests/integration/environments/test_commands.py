"""What is run in staging shows nothing of production, and changes nothing of it. Every command is tried."""

from __future__ import annotations

import json

import pytest

from airflow_provider_voiceinfra.cli.commands import COMMANDS
from tests.integration.environments.neighbour import OF_RECEIVER

SERVERS = {"demo", "sandbox", "receiver"}
THE_LIST = "The do-not-call list applies in all environments"


def names_of(commands, before=()):
    """The names of every command that can be run."""
    for each in commands:
        if each.commands:
            yield from names_of(each.commands, (*before, each.name))
        else:
            yield " ".join((*before, each.name))


def ways_to_ask(production, staging, quarantined):
    """What may be asked of each command, of production's rows by name too. A new command must say it here."""
    refs = [production.ref(state) for state in ("completed", "unknown", "waiting", "queued")]
    scopes = [["--dag", production.dag], ["--list", production.list_id], ["--agent", f"{production.mark}_agent"]]
    filters = [[], *scopes[:2], ["--number", production.number[-4:]], ["--number", production.number]]
    lost = staging.ref("unknown")
    return {
        "calls list": [*filters, ["--state", "completed"], ["--state", "unknown"]],
        "calls show": [[each] for each in (*refs, production.call_id("completed"), lost)],
        "calls export": [*filters, ["--format", "csv"]],
        "calls resolve": [
            [production.ref("unknown"), "--not-placed"],
            [production.ref("unknown"), "--call-id", "call-1"],
            [lost, "--call-id", production.call_id("completed")],
            [lost, "--call-id", production.call_id("queued")],
            [lost, "--not-placed"],
        ],
        "doctor": [[]],
        "lists list": [[], ["--output", "json"]],
        "lists show": [[production.list_id]],
        "lists redial": [
            [production.list_id, "--result", "failed"],
            [production.list_id, production.ref("completed"), production.ref("overdue")],
            [staging.list_id, production.ref("completed"), production.ref("overdue")],
        ],
        "lists rows": [[production.list_id], [production.list_id, "--state", "set_aside"]],
        "pause": [
            [*scope, "--reason", "staging says so", *force]
            for scope in (*scopes, ["--all"])
            for force in ([], ["--force"])
        ],
        "resume": [
            ["--agent", f"{production.mark}_paused_agent"],
            [*scopes[0], "--cancel"],
            ["--list", production.list_id, "--cancel"],
            ["--all", "--cancel"],
        ],
        "pauses list": [[]],
        "dnc add": [["+14155550142", "--reason", "asked"]],
        "dnc remove": [["+14155550142"]],
        "dnc list": [[], ["+14155550142"]],
        "dnc import": [[__file__]],
        "dnc export": [[]],
        "store migrate": [[]],
        "store rename-connection": [["voiceinfra_default", "renamed"], ["renamed", "voiceinfra_default"]],
        "store rename-host": [["api.voiceinfra.ai", "eu.voiceinfra.ai"], ["eu.voiceinfra.ai", "api.voiceinfra.ai"]],
        "store status": [[]],
        "store quarantine": [
            [],
            ["--body", str(quarantined)],
            ["reprocess", str(quarantined), "--call-id", staging.call_id("queued")],
            ["--all-environments", "reprocess", str(quarantined), "--call-id", production.call_id("queued")],
        ],
        "store erase": [[production.number]],
        "store purge": [["--older-than", "0d"]],
    }


# `doctor` asks Airflow about its triggerer.
@pytest.mark.usefixtures("airflow_database")
def test_no_command_shows_or_changes_what_is_another_environments(command, production, staging, production_store):
    kept = production.snapshot(production_store)
    assert [name for name, rows in kept.items() if not rows] == [], "production has every kind of row"
    asked = ways_to_ask(production, staging, kept["quarantine"][0].id)
    assert set(names_of(COMMANDS)) - SERVERS == set(asked), "a new command must say how it is tried here"
    for name, ways in asked.items():
        for way in ways:
            _, said = command(*name.split(), *way)
            # Pauses of staging name what staging was told to pause.
            named = (
                {*way}
                if name not in {"pause", "resume", "pauses list"}
                else {each for paused in asked["pause"] for each in paused}
            )
            if not name.startswith("dnc "):
                assert not production.given_away(production_store, said, named), (name, way, said)
            assert production.snapshot(production_store) == kept, (name, way, said)


def test_a_process_of_staging_knows_and_removes_its_own(process, production, staging, production_store, staging_store):
    kept = production.snapshot(production_store)
    for line in ("calls list", "calls export", "store status", "store purge --older-than 0d"):
        status, said = process(*line.split())
        assert status == 0
        assert not production.given_away(production_store, said)
    assert production.ref("completed") in process("calls", "list", environment="production")[1]
    assert production.snapshot(production_store) == kept
    assert staging_store.calls.get(staging.ref("completed")).to_number == ""


def test_staging_sees_its_own(command, production, staging, staging_store):
    _, said = command("calls", "list")
    assert all(ref in said for ref in staging.refs.values())
    assert staging.mark in command("calls", "export")[1]
    assert "Calls of environment staging" in command("store", "status")[1]
    status, said = command("calls", "show", staging.call_id("completed"))
    assert (status, staging.ref("completed") in said) == (0, True)


def test_all_environments_are_shown_where_that_is_said(command, production, staging):
    _, said = command("store", "status", "--all-environments")
    assert {"production", "staging"} == {line.split()[0] for line in said.splitlines() if "unknown" in line}
    rows = [json.loads(line) for line in command("calls", "export", "--all-environments")[1].splitlines()]
    assert {row["environment"] for row in rows} == {"production", "staging"}
    assert {production.ref("queued"), staging.ref("queued")} < {row["ref"] for row in rows}


def test_a_body_in_quarantine_is_written_only_where_all_environments_are_meant(command, production, production_store):
    row_id = str(production.snapshot(production_store)["quarantine"][0].id)
    status, said = command("store", "quarantine", "--body", row_id)
    assert (status, production.mark in said, "--all-environments" in said) == (1, False, True)
    assert command("store", "quarantine", "--body", row_id, "--all-environments")[1] == "{broken zqprod"


@pytest.mark.parametrize("what", [("purge", "--older-than", "0d"), ("erase", "+14155550198")])
def test_a_purge_and_an_erasure_remove_what_is_this_environments(command, production, staging, staging_store, what):
    status, said = command("store", *what)
    assert (status, "in environment staging" in said, "Add --all-environments" in said) == (0, True, True)
    kept = staging.snapshot(staging_store)
    assert staging_store.calls.get(staging.ref("completed")).to_number == ""
    bodies = {row.call_id: row.body for row in kept["completion"]}
    assert bodies[staging.call_id("completed")] == b""
    assert all(kept[name] for name in OF_RECEIVER)


def test_a_purge_of_all_environments_leaves_no_word(command, production, staging, production_store):
    open_calls = {production.ref(state) for state in ("queued", "overdue", "unknown", "claimed")}
    status, said = command("store", "purge", "--older-than", "0d", "--all-environments")
    assert (status, "in all environments" in said, "Add --all" in said) == (0, True, False)
    kept = production.snapshot(production_store)
    assert {row.body for row in (*kept["quarantine"], *kept["completion"])} == {b""}
    assert open_calls <= {row.ref for row in kept["call"] if row.to_number}
    ended = {row.ref for row in kept["call"] if not row.to_number}
    assert {production.ref(state) for state in ("completed", "waiting", "cancelled", "not_placed")} <= ended


def test_the_do_not_call_list_applies_in_all_environments_and_says_so(command, production, staging):
    number = "+14155550142"
    assert THE_LIST in command("dnc", "add", number)[1]
    assert THE_LIST in command("dnc", "list", environment="production")[1]
    assert THE_LIST in command("dnc", "remove", number, environment="production")[1]
