"""Verified webhooks are sent on to other environments, unchanged, until those take them."""

from __future__ import annotations

import asyncio
import socket
import threading

import pytest
import requests

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.store.inbox import forwards
from airflow_provider_voiceinfra.webhook import forwarder
from airflow_provider_voiceinfra.webhook.forwarder import Forwarder
from airflow_provider_voiceinfra.webhook.settings import forward_urls
from tests.support.store_samples import delivery, rows
from tests.support.webhooks import body, wait_until
from tests.support.wire import Talk, wire
from tests.unit.webhook.conftest import post

ONE = frozenset({"voiceinfra_default"})


@pytest.fixture
def kind():
    return "sqlite"


@pytest.fixture
def second(migrated_sqlite, tmp_path):
    """The store of another environment."""
    path = tmp_path / "second.db"
    path.write_bytes(migrated_sqlite.read_bytes())
    return CallStore(f"sqlite:///{path}")


@pytest.fixture(autouse=True)
def quickly(monkeypatch):
    monkeypatch.setattr(forwarder, "INTERVAL", 0.02)
    monkeypatch.setattr(forwarder, "REST", 0.02)
    monkeypatch.setattr(forwards, "MAX_BACKOFF", forwards.timedelta(seconds=0.05))


def test_another_environment_gets_what_was_signed_and_verifies_it_itself(serving, open_store, second):
    with serving(second) as there, serving(open_store(forward_to=[f"{there}/webhook"])) as here:
        assert post(here, body(summary="Yes.")).status_code == 200
        wait_until(lambda: second.calls.completion("call_1"))
    assert second.calls.completion("call_1").summary == "Yes."


def test_what_is_away_gets_it_when_it_is_back(serving, open_store, second):
    with serving(second) as there:
        pass
    store = open_store(forward_to=[f"{there}/webhook"])
    with serving(store) as here:
        post(here, body())
        wait_until(lambda: any(each.attempts >= 2 for each in rows(store, schema.forward)))
    with serving(second) as there:
        with store.database.write() as tx:
            tx.execute(schema.forward.update().values(url=f"{there}/webhook"))
        with serving(store):
            wait_until(lambda: store.forwards.waiting() == 0)
    assert second.calls.completion("call_1")


def test_what_is_refused_there_stays_here(serving, open_store, second):
    with serving(second, {"voiceinfra_default": ["another"]}) as there:
        store = open_store(forward_to=[f"{there}/webhook"])
        with serving(store) as here:
            post(here, body())
            wait_until(lambda: any(each.attempts >= 2 for each in rows(store, schema.forward)))
    assert store.forwards.waiting() == 1


@pytest.fixture
def hanging():
    """The URL of an environment that answers nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/webhook"


def test_an_environment_that_hangs_holds_up_no_other(serving, open_store, second, hanging, monkeypatch):
    monkeypatch.setattr(forwarder, "TIMEOUT", 2)
    with serving(second) as there:
        store = open_store(forward_to=[hanging, "https://no..name/webhook", f"{there}/webhook"])
        with serving(store) as here:
            for number in range(30):
                post(here, body(f"call_{number}"))
            wait_until(lambda: store.forwards.waiting() == 60)
    assert second.calls.completion("call_29")


@pytest.fixture
def forward(open_store, monkeypatch):
    """Forward a webhook for each answer, until the URL is left alone; gives how often each was sent, None if taken."""
    monkeypatch.setattr(forwards, "MAX_BACKOFF", forwards.timedelta(seconds=600))

    def forward(*statuses):
        left = list(statuses)

        def answer(*_, **__):
            response = requests.Response()
            response.status_code = left.pop(0)
            return response

        monkeypatch.setattr(requests.Session, "post", answer)
        store = open_store(forward_to=["https://staging/webhook"])
        store.deliveries.keep([delivery(body(f"call_{number}")) for number in range(len(statuses))])
        ids = [row.id for row in rows(store, schema.forward)]

        send_next = Forwarder(store.forwards)._send_next
        while send_next(requests.Session(), "https://staging/webhook") == 0:
            pass
        sent = {row.id: row.attempts for row in rows(store, schema.forward)}
        return [sent.get(each) for each in ids]

    return forward


def test_an_environment_that_cannot_is_left_alone_for_a_while(forward):
    assert forward(503, 200) == [1, 0]


def test_what_is_refused_for_its_own_sake_holds_up_no_other(forward):
    assert forward(400, 404, 200) == [1, 1, None]


def test_only_an_answer_of_2xx_says_that_it_was_taken(forward):
    assert forward(200, 202, 204, 300, 302, 304, 404) == [None, None, None, 1, 1, 1, 1]


def test_it_stops_without_the_answers_that_it_waits_for(open_store):
    sent, answered = threading.Event(), threading.Event()

    def slowly(talk: Talk) -> None:
        talk.read()
        sent.set()
        answered.wait(120)

    async def run(forwards):
        running = asyncio.create_task(Forwarder(forwards).run())
        assert await asyncio.to_thread(sent.wait, 60)
        running.cancel()
        async with asyncio.timeout(60):
            await asyncio.gather(running, return_exceptions=True)

    with wire(slowly) as server:
        store = open_store(forward_to=[f"{server.url}/webhook"])
        store.deliveries.keep([delivery(body(f"call_{number}")) for number in range(5)])
        asyncio.run(run(store.forwards))
        answered.set()
    wait_until(lambda: not any(thread.name.startswith("voiceinfra-forwarder") for thread in threading.enumerate()))
    assert sorted(each.attempts for each in rows(store, schema.forward)) == [0, 0, 0, 0, 1]


@pytest.mark.parametrize("name", ["HTTP_PROXY", "ALL_PROXY"])
def test_what_is_sent_on_to_this_machine_passes_no_proxy_and_carries_no_password_of_netrc(
    serving, open_store, monkeypatch, tmp_path, name
):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password s3cret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with wire(taken) as proxy, wire(taken) as there:
        monkeypatch.setenv(name, proxy.url)
        # `http_proxy` is only believed in small letters.
        monkeypatch.setenv(name.lower(), proxy.url)
        store = open_store(forward_to=[f"{there.url}/webhook"])
        store.deliveries.keep([delivery(body(transcript="my secret"))])
        with serving(store):
            wait_until(lambda: store.forwards.waiting() == 0)
    assert proxy.connections == 0
    ((head, content),) = there.requests
    assert content == body(transcript="my secret")
    assert "authorization" not in head.lower()


def taken(talk: Talk) -> None:
    """Answer as an environment that has taken a webhook."""
    talk.read()
    talk.send("200 OK")


def test_nothing_is_said_of_a_body_that_cannot_be_sent_on_or_of_a_password(serving, open_store, caplog):
    store = open_store(forward_to=["http://user:pa55@127.0.0.1:9/webhook?token=s3"])
    with serving(store) as here:
        post(here, body(transcript="my secret"))
        wait_until(lambda: "could not be forwarded" in caplog.text)
    assert "my secret" not in caplog.text
    assert "127.0.0.1:9:" in caplog.text
    assert not any(secret in caplog.text for secret in ("user", "pa55", "token"))


def test_urls_are_read_and_checked():
    assert forward_urls("", ONE) == ()
    assert forward_urls(" https://a/w , http://localhost:1/w", ONE) == ("https://a/w", "http://localhost:1/w")
    with pytest.raises(ValueError, match="https"):
        forward_urls("http://staging.example.com/voiceinfra/webhook", ONE)
    with pytest.raises(ValueError, match="conn_id"):
        forward_urls("https://staging/webhook", frozenset({"one", "two"}))
    with pytest.raises(ValueError, match="https") as error:
        forward_urls("user:pa55@staging.example.com/voiceinfra/webhook", ONE)
    assert "pa55" not in str(error.value)
