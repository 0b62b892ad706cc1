"""What docs/threat_model.md says of senders: strangers, and those who have an old webhook or know the secret."""

from __future__ import annotations

import gzip
import socket
from urllib.parse import urlsplit

import pytest
import requests

from airflow_provider_voiceinfra.store import schema
from tests.support.store_samples import NUMBER, queued
from tests.support.webhooks import body, sign
from tests.unit.webhook.conftest import count, post

LIMIT = 50_000


@pytest.fixture
def url(store, serving):
    with serving(store, max_bytes=LIMIT) as address:
        yield address


def test_an_old_signature_is_of_no_use_for_another_body(url, store):
    old = sign(body("call_1", summary="old"))
    for other in (body("call_1", summary="new"), body("call_2", summary="old"), body("call_1", summary="old") + b" "):
        answer = requests.post(f"{url}/webhook", data=other, headers={"X-VoiceInfra-Signature": old}, timeout=120)
        assert answer.status_code == 401
    assert count(store, schema.completion) == 0


@pytest.mark.parametrize(
    "added", [{"X-VoiceInfra-Event": "call.started"}, {"Content-Type": "text/html"}, {"X-Date": "1"}]
)
def test_a_replay_changes_nothing_whatever_is_put_beside_it(url, store, added):
    sent = queued(store, "call_1", to_number=NUMBER)
    assert post(url, body("call_1", summary="said")).status_code == 200
    before = store.calls.get(sent.ref)
    assert post(url, body("call_1", summary="said"), **added).status_code == 200
    assert store.calls.get(sent.ref) == before
    assert count(store, schema.completion) == 1


def test_who_knows_the_secret_may_speak_first_and_is_found_out_when_voiceinfra_speaks(url, store, figures):
    sent = queued(store, "call_1", to_number=NUMBER)
    assert post(url, body("call_1", call_outcome="failed", summary="forged")).status_code == 200
    assert store.calls.get(sent.ref).completion.summary == "forged"
    assert post(url, body("call_1", summary="true")).status_code == 200
    assert store.calls.get(sent.ref).completion.summary == "forged"
    # Both are kept, and who looks sees that there are two.
    assert [each.first for each in store.pages.deliveries("call_1")] == [True, False]
    assert figures["voiceinfra.webhooks.different"] == 1


def test_a_completion_of_another_number_is_counted_and_completes_nothing(url, store, figures):
    sent = queued(store, "call_1", to_number=NUMBER)
    assert post(url, body("call_1", to_number="+14155550199")).status_code == 200
    assert store.calls.get(sent.ref).state == "queued"
    assert figures["voiceinfra.webhooks.contradiction"] == 1
    assert figures["voiceinfra.webhooks.new"] == figures["voiceinfra.calls.completed.answered"] == 0
    assert post(url, body("call_1", to_number=NUMBER)).status_code == 200
    assert store.calls.get(sent.ref).state == "completed"
    assert figures["voiceinfra.webhooks.new"] == figures["voiceinfra.calls.completed.answered"] == 1


def test_nobody_reads_anything_by_sending(url):
    for content, secret in ((body(), "s3cret"), (body(), "guess"), (b"", "s3cret"), (b"{", "guess")):
        assert post(url, content, secret=secret).content == b""


def test_nothing_is_unpacked(url, store):
    bomb = gzip.compress(bytes(100 * LIMIT))
    assert len(bomb) < LIMIT
    assert post(url, bomb, **{"Content-Encoding": "gzip"}).status_code == 200
    assert post(url, gzip.compress(body()), **{"Content-Encoding": "gzip"}).status_code == 200
    assert count(store, schema.completion) == 0
    assert count(store, schema.quarantine) == 2


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 20_000 + b"]" * 20_000,
        body("call_1\n2026-11-25 00:00:00 ERROR forged line"),
        body("call\0_1"),
        body("\u202egnorw"),
        body().replace(b"call_1", b"\\ud800"),
    ],
    ids=["lists", "line", "nul", "backwards", "half"],
)
def test_odd_bodies_are_in_quarantine_and_in_no_log(url, store, content, caplog):
    caplog.set_level("DEBUG")
    assert post(url, content).status_code == 200
    assert count(store, schema.completion) == 0
    assert count(store, schema.quarantine) == 1
    assert "forged" not in caplog.text


@pytest.mark.parametrize(
    "odd",
    [
        b'"answered", "deep": ' + b'{"a": ' * 900 + b"1" + b"}" * 900,
        b'"answered", "huge": ' + b"9" * 10_000,
        b'"answered\\r\\nforged: line"',
    ],
    ids=["objects", "digits", "lines"],
)
def test_odd_bodies_that_name_their_call_end_it_and_are_in_no_log(url, store, odd, caplog):
    caplog.set_level("DEBUG")
    assert post(url, body().replace(b'"answered"', odd)).status_code == 200
    assert store.calls.completion("call_1")
    assert count(store, schema.quarantine) == 0
    assert "forged" not in caplog.text


def test_of_a_field_that_comes_twice_everybody_reads_the_last(url, store):
    twice = b'{"call_id": "call_1", "call_outcome": "failed", "call_id": "call_2", "call_outcome": "answered"}'
    assert post(url, twice).status_code == 200
    assert store.calls.completion("call_1") is None
    assert store.calls.completion("call_2").outcome == "answered"


@pytest.mark.parametrize("value", [b"NaN", b"Infinity", b"-1e999"])
def test_a_number_that_is_none_harms_nobody(url, store, value):
    content = body().replace(b'"answered"', b'"answered", "duration_seconds": ' + value)
    assert post(url, content).status_code == 200
    assert store.calls.completion("call_1").duration_seconds is None


@pytest.mark.parametrize(
    "path",
    [
        "/webhook/../webhook/other",
        "/webhook/%2e%2e%2fother",
        "/webhook/voiceinfra_default%00",
        "/webhook/voiceinfra_default//",
        "/webhook/VOICEINFRA_DEFAULT",
        "/webhook//voiceinfra_default",
        "//webhook",
    ],
)
def test_no_path_leads_to_another_connection(url, store, path):
    content = body()
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: x",
        f"Content-Length: {len(content)}",
        f"X-VoiceInfra-Signature: {sign(content)}",
    ]
    said = _raw(url, "\r\n".join([*lines, "Connection: close", "", ""]).encode() + content)
    assert said.split()[1] in {b"404", b"307"}
    assert count(store, schema.completion) == 0


@pytest.mark.parametrize("lie", ["-1", "99999999999999999999", "1, 2", "0x10", "+5"])
def test_a_length_that_is_a_lie_is_refused(url, store, lie):
    said = _raw(
        url, f"POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Length: {lie}\r\nConnection: close\r\n\r\n{{}}".encode()
    )
    assert said.split()[1] in {b"400", b"413"}
    assert post(url, body()).status_code == 200


def test_two_signatures_are_none(url, store):
    content = body()
    lines = ["POST /webhook HTTP/1.1", "Host: x", f"Content-Length: {len(content)}", "Connection: close"]
    lines += [f"X-VoiceInfra-Signature: {sign(content)}", "X-VoiceInfra-Signature: guess"]
    assert b" 401 " in _raw(url, "\r\n".join([*lines, "", ""]).encode() + content)


def test_strangers_who_are_many_leave_room_for_voiceinfra(url, store):
    host = urlsplit(url)
    strangers = [socket.create_connection((host.hostname, host.port)) for _ in range(300)]
    try:
        for each in strangers:
            each.sendall(b"POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n")
        assert post(url, body()).status_code == 200
    finally:
        for each in strangers:
            each.close()
    assert count(store, schema.completion) == 1


def _raw(url: str, content: bytes) -> bytes:
    host = urlsplit(url)
    with socket.create_connection((host.hostname, host.port), timeout=120) as connection:
        connection.sendall(content)
        said = b""
        while chunk := connection.recv(65_536):
            said += chunk
    return said
