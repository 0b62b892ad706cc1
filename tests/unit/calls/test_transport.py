"""Whether a byte of the request was written is known by evidence, whatever exception came."""

from __future__ import annotations

import socket
import threading

import pytest

from airflow_provider_voiceinfra.calls.transport import (
    Gate,
    NoAnswerError,
    NotWrittenError,
    Timeouts,
    Transport,
    _WitnessAdapter,
    open_gate,
)
from airflow_provider_voiceinfra.store.errors import StoreError
from tests.support.backlog import full_backlog
from tests.support.wire import Talk, Wire, hang_up, nonsense, queued, reset_at_once, until_the_client_goes, wire

PATIENT = Timeouts(connect=20, read=20, body=20)
QUICK = Timeouts(connect=0.2, read=0.2, body=0.2)


def send(url: str, timeouts: Timeouts = PATIENT, gate: Gate = open_gate, **headers: str):
    headers = {"X-API-Key": "key", **headers}
    return Transport().post(url, headers=headers, body=b'{"a": 1}', timeouts=timeouts, gate=gate)


def tls_server(wire: Wire) -> str:
    return wire.url.replace("http:", "https:")


def test_what_is_sent_and_what_comes_back():
    with wire(queued) as server:
        answer = send(server.url + "/calls/outbound")
    assert answer.status == 200
    assert answer.body == b'{"call_id": "call-1", "status": "queued"}'
    ((head, body),) = server.requests
    assert head.startswith("POST /calls/outbound HTTP/1.1\r\n")
    assert "X-API-Key: key" in head
    assert body == b'{"a": 1}'


def test_under_tls_it_is_the_same(trusted_tls):
    with wire(lambda talk: (talk.start_tls(trusted_tls), queued(talk))) as server:
        assert send(tls_server(server)).status == 200
    assert len(server.requests) == 1


def test_the_gate_is_passed_with_the_connection_made_and_nothing_written(trusted_tls):
    connected, passed = threading.Event(), []

    def play(talk):
        talk.start_tls(trusted_tls)
        connected.set()
        queued(talk)

    with wire(play) as server:
        send(tls_server(server), gate=lambda: passed.append((connected.wait(60), list(server.requests))))
    assert passed == [(True, [])]


@pytest.mark.parametrize("error", [ValueError, StoreError, OSError, TimeoutError, KeyboardInterrupt])
def test_a_gate_that_is_closed_lets_no_byte_through_and_its_reason_is_told(trusted_tls, error):
    def play(talk):
        talk.start_tls(trusted_tls)
        until_the_client_goes(talk)

    def closed():
        raise error("closed")

    with wire(play) as server, pytest.raises(error, match="closed"):
        send(tls_server(server), gate=closed)
    assert server.requests == []


def test_a_refused_port_wrote_nothing():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(NotWrittenError, match="NewConnectionError"):
        send(f"http://127.0.0.1:{port}")


def test_a_name_that_is_not_found_wrote_nothing(monkeypatch):
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(NotWrittenError, match="NameResolutionError"):
        send("https://nowhere.invalid")


def test_a_connect_timeout_wrote_nothing():
    with full_backlog() as url, pytest.raises(NotWrittenError, match="ConnectTimeoutError"):
        send(url, QUICK)


def test_a_server_that_speaks_no_tls_got_nothing():
    plain = b"HTTP/1.1 400 Bad Request\r\n\r\n"
    with wire(lambda talk: talk.sock.sendall(plain)) as server, pytest.raises(NotWrittenError, match="SSLError"):
        send(tls_server(server))
    assert server.requests == []


def test_a_server_that_nobody_trusts_got_nothing(tls):
    with wire(lambda talk: (talk.start_tls(tls), queued(talk))) as server, pytest.raises(NotWrittenError):
        send(tls_server(server))
    assert server.requests == []


def test_a_handshake_that_hangs_wrote_nothing():
    with wire(lambda talk: [talk.sock.recv(65536), talk.sock.recv(1)]) as server, pytest.raises(NotWrittenError):
        send(tls_server(server), QUICK)


@pytest.mark.parametrize("header", ["a\nb", "•••"])
def test_a_key_that_is_no_header_wrote_nothing(header):
    with wire(queued) as server, pytest.raises(NotWrittenError):
        send(server.url, **{"X-API-Key": header})
    assert server.requests == []


@pytest.mark.parametrize("url", ["http://", "https://a..b", f"https://{'a' * 64}.example", "http://[::1"])
def test_what_is_no_address_wrote_nothing(url):
    with pytest.raises(NotWrittenError):
        send(url)


def half_a_status(talk: Talk) -> None:
    talk.read()
    talk.sock.sendall(b"HTTP/1.1 40")


@pytest.mark.parametrize("play", [hang_up, reset_at_once, nonsense, half_a_status])
def test_once_it_is_written_nobody_says_that_it_is_not(play):
    with wire(play) as server, pytest.raises(NoAnswerError):
        send(server.url)
    assert len(server.requests) == 1


def test_a_read_timeout_comes_after_writing():
    with wire(until_the_client_goes) as server, pytest.raises(NoAnswerError, match="ReadTimeout"):
        send(server.url, QUICK)
    assert len(server.requests) == 1


@pytest.mark.parametrize("play", [hang_up, reset_at_once])
def test_tls_that_breaks_after_the_body_was_taken_is_not_a_failed_handshake(trusted_tls, play):
    with wire(lambda talk: (talk.start_tls(trusted_tls), play(talk))) as server, pytest.raises(NoAnswerError):
        send(tls_server(server))
    assert len(server.requests) == 1


def test_what_is_not_witnessed_may_have_been_written(monkeypatch):
    """Versions of requests before 2.32.2 ask for the connection by another method."""
    monkeypatch.delattr(_WitnessAdapter, "get_connection_with_tls_context")
    with wire(hang_up) as server, pytest.raises(NoAnswerError):
        send(server.url)


def test_nothing_is_sent_twice_by_itself():
    with wire(hang_up, queued) as server, pytest.raises(NoAnswerError):
        send(server.url)
    assert server.connections == 1
