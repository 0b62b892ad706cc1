"""``airflow voiceinfra store …``: quarantine, purge and erase."""

from __future__ import annotations

import json

from airflow_provider_voiceinfra.webhook.spool import Spool
from tests.support.store_samples import NUMBER, body, deliver, delivery, queued


def test_the_quarantine_is_listed_and_a_body_written(cli, store):
    store.deliveries.keep([delivery(b'{"event": "call.started"}')])
    [row] = json.loads(cli("store", "quarantine", "--output", "json")[1])
    assert row["reason"] == "its event is not call.completed"
    assert row["connection"] == "voiceinfra_default"
    body = ("store", "quarantine", "--all-environments", "--body")
    assert cli(*body, str(row["id"]))[1] == '{"event": "call.started"}'
    assert cli(*body, "999999")[0] == 1
    assert "1 webhooks are in quarantine" in cli("store", "status")[1]


def test_a_webhook_in_quarantine_is_given_to_its_call(cli, store):
    store.deliveries.keep([delivery(b'{"call_outcome": "voicemail", "summary": "later"}')])
    row_id = str(store.quarantine.newest()[0].id)
    reprocess = ("store", "quarantine", "--all-environments", "reprocess", row_id)
    assert "ID --call-id" in cli(*reprocess)[2]
    assert "calls resolve" in cli(*reprocess, "--call-id", "call-1")[2]
    ours = queued(store, "call-1")
    _, output, _ = cli(*reprocess, "--call-id", "call-1")
    assert output == f"Webhook {row_id} is the completion of {ours.ref}, which is completed (voicemail).\n"
    assert cli(*reprocess, "--call-id", "call-1")[0] == 1
    assert "later" not in cli("store", "quarantine")[1]


def test_files_of_the_spool_that_are_set_aside_are_named(cli, monkeypatch, tmp_path):
    spool = Spool(tmp_path / "spool")
    monkeypatch.setenv("AIRFLOW__VOICEINFRA__SPOOL", str(spool.folder))
    assert "on the spool" not in cli("store", "status")[1]
    spool.add([delivery(body("call-1")), delivery(body("call-2"))])
    (spool.folder / "notes.spool").mkdir()
    _, output, _ = cli("store", "status")
    assert "2 webhooks are on the spool" in output
    assert f"{spool.folder}/notes.spool is not a regular file" in output


def test_a_renamed_connection_is_told_and_its_calls_are_moved(cli, store, monkeypatch):
    ours = queued(store, "call-1")
    deliver(store, "call-1", conn="voiceinfra_eu")
    monkeypatch.setenv("AIRFLOW__VOICEINFRA__WEBHOOK_CONN_IDS", "voiceinfra_eu")
    assert "rename-connection voiceinfra_default NEW" in cli("store", "status")[1]
    assert cli("store", "rename-connection", "voiceinfra_eu", "voiceinfra_eu")[0] == 1
    _, output, _ = cli("store", "rename-connection", "voiceinfra_default", "voiceinfra_eu")
    assert "1 calls of environment 'default'" in output
    assert "1 of them are completed now" in output
    assert store.calls.get(ours.ref).state == "completed"
    assert "rename-connection" not in cli("store", "status")[1]


def test_the_status_of_a_store_that_cannot_be_named_is_a_sentence_without_the_password(cli, monkeypatch):
    with monkeypatch.context() as wrong:
        wrong.setenv("AIRFLOW__VOICEINFRA__CALL_STORE", "postgresql://me:p@s3cret@127.0.0.1:1/db")
        code, output, errors = cli("store", "status")
    assert (code, output) == (1, "")
    assert "%40" in errors
    assert "s3cret" not in errors


def test_a_purge_says_what_it_did(cli, store):
    queued(store, "call-1")
    deliver(store, "call-1")
    queued(store, "call-2", to_number="+14155550177")
    assert "retention_days is 0" in cli("store", "purge")[1]
    assert "90d" in cli("store", "purge", "--older-than", "three months")[2]
    assert "0 calls, 0 completions" in cli("store", "purge", "--older-than", "90d")[1]
    _, output, _ = cli("store", "purge", "--older-than", "0d")
    assert "1 calls, 1 completions" in output
    assert "1 calls have not ended" in output


def test_retention_days_is_what_a_purge_uses(cli, store, monkeypatch):
    monkeypatch.setenv("AIRFLOW__VOICEINFRA__RETENTION_DAYS", "30")
    assert "older than 30 days" in cli("store", "purge")[1]


def test_a_person_is_erased_whatever_way_the_number_is_written(cli, store):
    ours = queued(store, "call-1")
    deliver(store, "call-1")
    _, output, _ = cli("store", "erase", "(415) 555-0100", "--region", "US")
    assert "of +1415•••0100" in output
    assert store.calls.get(ours.ref).to_number == ""
    assert NUMBER not in output


def test_a_host_is_renamed_however_it_is_written_and_says_how_many_calls(cli, store):
    ours = queued(store, "call-1")
    status, output, _ = cli("store", "rename-host", "https://API.voiceinfra.ai:443/v1", "eu.voiceinfra.ai.")
    assert (status, output.strip()) == (
        0,
        "1 calls of environment 'default' were moved from api.voiceinfra.ai to eu.voiceinfra.ai.",
    )
    assert store.calls.get(ours.ref).host == "eu.voiceinfra.ai"
    assert store.calls.history(ours.id)[-1].actor
    assert cli("store", "rename-host", "api.voiceinfra.ai", "eu.voiceinfra.ai")[1].startswith("0 calls")


def test_a_rename_that_would_make_a_live_call_of_the_sandboxs_is_refused(cli, store):
    queued(store, "call-1")
    for old, new, reason in (
        ("api.voiceinfra.ai", "127.0.0.1:8099", "are not both live hosts or both sandboxes"),
        ("http://localhost:8099/v1", "api.voiceinfra.ai", "are not both live hosts or both sandboxes"),
        ("localhost:8099", "127.0.0.1:8100", "are the same host, localhost"),
        ("api.voiceinfra.ai", "API.voiceinfra.ai.", "are the same host, api.voiceinfra.ai"),
        ("https://", "api.voiceinfra.ai", "is not a host"),
    ):
        status, output, errors = cli("store", "rename-host", old, new)
        assert (status, output) == (1, "")
        assert reason in errors
    assert {call.host for call in store.calls.iterate()} == {"api.voiceinfra.ai"}
