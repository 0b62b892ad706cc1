"""``airflow voiceinfra doctor`` names what would keep calls from working, and how to fix it."""

from __future__ import annotations

import json
import socket
from datetime import timedelta

import pytest
import requests
import sqlalchemy as sa
from airflow.jobs.job import Job
from airflow.utils.session import create_session

from airflow_provider_voiceinfra.cli.parser import main
from airflow_provider_voiceinfra.store import schema
from tests.support.store_samples import delivery, queued
from tests.support.wire import answer, wire

pytestmark = pytest.mark.usefixtures("airflow_database")


@pytest.fixture
def triggerer():
    """A triggerer that was seen a moment ago."""
    with create_session() as session:
        job = Job(job_type="TriggererJob", state="running")
        session.add(job)
        session.flush()
        job_id = job.id
    yield
    with create_session() as session:
        session.execute(sa.delete(Job).where(Job.id == job_id))


@pytest.fixture
def doctor(voiceinfra, capsys):
    """Run the command; gives the problems that it names."""
    receiver = voiceinfra.sandbox.webhook_url.replace("/webhook", "/health")

    def run(*arguments):
        status = main(["doctor", "--receiver-url", receiver, *arguments])
        lines = capsys.readouterr().out.splitlines()
        assert all("sandbox-key" not in line for line in lines)
        problems = [line.removeprefix("PROBLEM").strip() for line in lines if line.startswith("PROBLEM")]
        assert status == bool(problems)
        return problems

    return run


@pytest.fixture
def extra(monkeypatch, voiceinfra):
    """Change the connection."""

    def change(**changes):
        connection = {
            "conn_type": "voiceinfra",
            "host": voiceinfra.sandbox.url,
            "password": "sandbox-key",
            "extra": {"webhook_secret": "s3cret"},
        }
        monkeypatch.setenv("AIRFLOW_CONN_VOICEINFRA_DEFAULT", json.dumps(connection | changes))

    return change


@pytest.mark.usefixtures("triggerer")
def test_nothing_is_found_where_all_works(doctor, extra):
    extra()
    assert doctor() == []


def test_a_missing_triggerer_is_a_problem(doctor, extra):
    extra()
    [problem] = doctor()
    assert problem.startswith("triggerer: No triggerer was seen")


@pytest.mark.usefixtures("triggerer")
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"password": ""}, "has no valid API key"),
        ({"password": "another"}, "rejected"),
        ({"conn_type": "http"}, "is of type 'http'"),
        ({"extra": {}}, "It has no webhook_secret"),
        ({"extra": {"max_calls_per_day": "many"}}, "max_calls_per_day"),
    ],
)
def test_a_connection_that_cannot_place_calls_or_verify_webhooks_is_a_problem(doctor, extra, changes, said):
    extra(**changes)
    [problem] = doctor()
    assert problem.startswith("connection voiceinfra_default: ")
    assert said in problem


@pytest.mark.usefixtures("triggerer")
def test_a_connection_that_does_not_exist_is_a_problem(doctor):
    [problem] = doctor("--connection", "voiceinfra_eu")
    assert problem.startswith("connection voiceinfra_eu: There is no such connection")


@pytest.mark.usefixtures("triggerer")
def test_a_receiver_that_does_not_answer_or_is_not_well_is_a_problem(doctor, extra):
    extra()
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        [problem] = doctor("--receiver-url", f"http://127.0.0.1:{nobody.getsockname()[1]}/health")
        assert "does not answer as a receiver does" in problem
    with wire(answer(503, {"status": "unavailable", "reasons": ["no webhook_secret is known"]})) as server:
        [problem] = doctor("--receiver-url", server.url)
        assert problem == "receiver: unavailable: no webhook_secret is known"
    with wire(answer(200, ["another service"])) as server:
        [problem] = doctor("--receiver-url", server.url)
        assert "does not answer as a receiver does" in problem


@pytest.mark.usefixtures("triggerer")
def test_webhooks_that_do_not_arrive_or_are_not_taken_are_a_problem(doctor, extra, voiceinfra):
    extra()
    store = voiceinfra.store
    queued(store, "call-1")
    with store.database.write() as tx:
        long_ago = store.database.clock.read(tx) - timedelta(hours=1)
        tx.execute(sa.update(schema.call).values(claimed_at=long_ago))
    store.rejected_webhooks.add("voiceinfra_default", 3)
    store.deliveries.keep([delivery(b'{"event": "call.started"}')])
    rejected, quarantined, missing = doctor()
    assert "3 were rejected within a day" in rejected
    assert "1 are in quarantine" in quarantined
    assert "None has arrived since a call was placed" in missing


@pytest.mark.usefixtures("triggerer")
def test_a_call_store_that_cannot_be_used_and_a_wrong_setting_are_problems(doctor, extra, monkeypatch):
    extra()
    with monkeypatch.context() as wrong:
        wrong.setenv("AIRFLOW__VOICEINFRA__MAX_WEBHOOK_BYTES", "many")
        [problem] = doctor()
        assert problem.startswith("[voiceinfra] settings: ")


def test_the_key_is_checked_without_a_number(doctor, extra, voiceinfra):
    extra()
    doctor()
    assert voiceinfra.dials == []
    assert requests.get(voiceinfra.sandbox.url.removesuffix("/v1") + "/sandbox/dials", timeout=60).json() == []
