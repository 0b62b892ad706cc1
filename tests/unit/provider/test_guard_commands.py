"""``airflow voiceinfra pause | resume | pauses list | dnc …``: the switch, and the do-not-call list."""

from __future__ import annotations

import csv
import io
import json

import pytest

from airflow_provider_voiceinfra import config
from airflow_provider_voiceinfra.cli.parser import main
from tests.support.store_samples import NUMBER, claim_request


def seen(store):
    """Let the store know the names that a call has."""
    store.claims.release(store.claims.take(claim_request("seen", to_number="+14155550188")).claim, "a test")


@pytest.mark.parametrize("scope", ["connection", "agent", "dag", "list"])
def test_a_name_that_was_never_seen_is_paused_only_by_force(cli, store, scope):
    seen(store)
    status, _, errors = cli("pause", f"--{scope}", "agemt", "--reason", "x")
    assert status == 1
    assert f"{scope} agemt has no calls yet." in errors
    assert ("Did you mean agent?" in errors) == (scope == "agent")
    assert not store.pauses.in_force()
    assert cli("pause", f"--{scope}", "agemt", "--reason", "x", "--force")[0] == 0
    assert store.pauses.in_force()


def test_a_pause_until_a_time_is_listed_with_it_after_the_wider_ones(cli, store):
    seen(store)
    assert (
        "are paused until 2126-12-01 09:00"
        in cli("pause", "--dag", "dag", "--reason", "x", "--until", "2126-12-01 09:00")[1]
    )
    cli("pause", "--all", "--reason", "y", "--until", "2126-12-01T09:00Z")
    listed = json.loads(cli("pauses", "list", "--output", "json")[1])
    assert [(each["scope"], each["reason"]) for each in listed] == [("all", "y"), ("dag", "x")]
    assert listed[0]["until (UTC)"] == "2126-12-01 09:00:00"


@pytest.mark.parametrize(("until", "says"), [("tomorrow", "is not a time"), ("2026-01-01 09:00", "is over")])
def test_a_pause_until_no_time_to_come_stops_nothing(cli, store, until, says):
    status, _, errors = cli("pause", "--all", "--reason", "x", "--until", until)
    assert (status, says in errors) == (1, True)
    assert not store.pauses.in_force()


def test_a_pause_is_made_listed_and_ended(cli, store):
    assert cli("pauses", "list")[1] == "Nothing is paused.\n"
    seen(store)
    _, output, _ = cli("pause", "--dag", "dag", "--reason", "it says the wrong date")
    assert "Calls of dag dag are paused: no new call is placed. Calls in progress cannot be hung up." in output
    assert store.claims.take(claim_request()).denied
    assert "it says the wrong date" in cli("pauses", "list")[1]
    assert "waiting calls are placed" in cli("resume", "--dag", "dag")[1]
    assert cli("pauses", "list")[1] == "Nothing is paused.\n"


def test_what_waits_is_cancelled_where_that_is_asked_for(cli, store):
    cli("pause", "--all", "--reason", "wrong list")
    cli("pause", "--agent", "agent", "--reason", "wrong words", "--force")
    store.claims.take(claim_request())
    _, output, _ = cli("resume", "--all", "--cancel")
    assert "1 waiting calls are cancelled" in output
    assert "Still paused:" in output
    assert "wrong words" in output


def test_what_waits_is_found_by_its_list_and_says_for_what(cli, store):
    cli("pause", "--list", "vl_1", "--reason", "wrong words", "--force")
    waiting = store.claims.take(claim_request(list_id="vl_1")).denied
    store.claims.take(claim_request("other", to_number="+14155550177", list_id="vl_2"))
    [row] = json.loads(cli("calls", "list", "--list", "vl_1", "--output", "json")[1])
    assert (row["ref"], row["state"]) == (waiting.ref, "waiting")
    _, output, _ = cli("calls", "show", waiting.ref)
    assert "rule     paused" in output
    assert "list     vl_1" in output


def test_every_refusal_is_in_the_export_with_its_rule(cli, store):
    cli("pause", "--all", "--reason", "wrong words")
    store.claims.take(claim_request())
    cli("dnc", "add", "+14155550177")
    store.claims.take(claim_request("other", to_number="+14155550177"))
    cli("resume", "--all", "--cancel")
    steps = [json.loads(line) for line in cli("calls", "export")[1].splitlines()]
    told = {(step["event"], step["detail"].get("rule")) for step in steps}
    assert told == {("waiting", "paused"), ("cancelled", None), ("do_not_call", "do_not_call")}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("pause", "--all"), "Give a reason"),
        (("pause", "--all", "--dag", "dag", "--reason", "x"), "Give one scope"),
        (("resume",), "Give one scope"),
        (("resume", "--dag", "dag"), "Nothing is paused in this scope"),
    ],
)
def test_what_is_not_clear_stops_nothing_and_says_so(cli, arguments, says):
    status, _, errors = cli(*arguments)
    assert status == 1
    assert says in errors


def test_a_number_is_added_listed_and_removed(cli, store):
    assert "+1415•••0100 is on the do-not-call list now" in cli("dnc", "add", NUMBER, "--reason", "they asked")[1]
    assert "on the do-not-call list already" in cli("dnc", "add", "(415) 555-0100", "--region", "US")[1]
    assert store.claims.take(claim_request()).denied
    _, output, _ = cli("dnc", "list")
    assert "+1415•••0100" in output
    assert "they asked" in output
    assert "may be called again" in cli("dnc", "remove", NUMBER, "--reason", "they changed their mind")[1]
    assert "they changed their mind" in cli("dnc", "list", NUMBER)[1]
    assert cli("dnc", "remove", NUMBER)[0] == 1
    assert cli("dnc", "add", "+1415555")[0] == 1


def test_the_list_is_exported_for_other_systems(cli, store, capsys):
    cli("dnc", "add", NUMBER, "--reason", "they asked")
    # In full: that is what it is for.
    assert main(("dnc", "export")) == 0
    [row] = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert (row["number"], row["reason"]) == (NUMBER, "they asked")


def test_hashes_cannot_be_exported_and_that_is_said(cli, monkeypatch):
    monkeypatch.setenv("AIRFLOW__VOICEINFRA__HASH_DO_NOT_CALL", "True")
    config.call_store.cache_clear()
    cli("dnc", "add", NUMBER)
    _, output, errors = cli("dnc", "export")
    assert len(output.splitlines()) == 1
    assert "1 numbers are stored as hashes" in errors
    assert "stored as a hash" in cli("dnc", "list")[1]


def test_who_is_erased_stays_on_the_list_as_a_hash(cli, store):
    cli("dnc", "add", NUMBER)
    cli("store", "erase", NUMBER, "--all-environments")
    assert [each.number for each in store.do_not_call.iterate()] == [None]
    assert store.claims.take(claim_request()).denied
