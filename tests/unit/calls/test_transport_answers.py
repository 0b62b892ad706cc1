"""What is believed of an answer, and what stands between us and VoiceInfra."""

from __future__ import annotations

import time

import pytest

from airflow_provider_voiceinfra.calls.transport import (
    MAX_ANSWER_BYTES,
    NoAnswerError,
    NotWrittenError,
    Timeouts,
    Transport,
)
from tests.support.wire import Talk, answer, queued, wire

PATIENT = Timeouts(connect=20, read=20, body=20)
BRIEF = Timeouts(connect=20, read=20, body=0.1)
# Pieces, more than are sent in a minute.
_ENDLESS = 100_000


def send(url: str, timeouts: Timeouts = PATIENT):
    return Transport().post(url, headers={"X-API-Key": "key"}, body=b'{"a": 1}', timeouts=timeouts)


def test_a_body_that_is_cut_off_is_none():
    def cut(talk: Talk) -> None:
        talk.read()
        talk.send("200 OK", body=b'{"call_id": "call-1"}', length=100)

    with wire(cut) as server:
        assert send(server.url).body is None


def test_a_body_whose_chunks_are_cut_off_is_none():
    def cut(talk: Talk) -> None:
        talk.read()
        talk.sock.sendall(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n15\r\n{"call_id": "call-1"}\r\n')

    with wire(cut) as server:
        assert send(server.url).body is None


def test_a_body_that_is_not_what_its_encoding_says_is_none():
    def play(talk: Talk) -> None:
        talk.read()
        talk.send("200 OK", "Content-Encoding: gzip", body=b"not gzip")

    with wire(play) as server:
        assert send(server.url).body is None


@pytest.mark.parametrize(("size", "read"), [(MAX_ANSWER_BYTES, True), (MAX_ANSWER_BYTES + 1, False)])
def test_a_body_is_read_up_to_a_limit(size, read):
    def play(talk: Talk) -> None:
        talk.read()
        talk.send("200 OK", body=b" " * size)

    with wire(play) as server:
        assert (send(server.url).body is not None) is read


def test_a_body_that_trickles_is_not_waited_for():
    sent: list[int] = []

    def trickle(talk: Talk) -> None:
        talk.read()
        talk.send("200 OK", length=_ENDLESS)
        for number in range(_ENDLESS):
            sent.append(number)
            talk.sock.sendall(b" ")
            time.sleep(0.001)

    with wire(trickle) as server:
        assert send(server.url, BRIEF).body is None
        assert len(sent) < _ENDLESS


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status):
    with wire(queued) as other, wire(answer(status, {}, f"Location: {other.url}/calls/outbound")) as server:
        assert send(server.url).status == status
    assert other.connections == 0
    assert len(server.requests) == 1


@pytest.mark.parametrize("location", ["http://[", "http://\xff\xfe/", "//", "\t", "http://a..b:port/"])
def test_a_redirect_to_nowhere_is_a_redirect_still(location):
    def play(talk: Talk) -> None:
        talk.read()
        talk.sock.sendall(f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode("latin-1"))

    with wire(play) as server:
        assert send(server.url).status == 302


def test_a_redirect_with_an_endless_body_is_a_redirect_still():
    def play(talk: Talk) -> None:
        talk.read()
        talk.sock.sendall(b"HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n")
        talk.sock.recv(1)

    with wire(play) as server:
        assert send(server.url, Timeouts(connect=20, read=0.2, body=0.2)).status == 302


def test_a_netrc_file_is_not_used(tmp_path, monkeypatch):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password s3cret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with wire(queued) as server:
        send(server.url)
    ((head, _),) = server.requests
    assert "authorization" not in head.lower()


def test_a_proxy_that_refuses_got_no_byte_of_the_request(monkeypatch):
    with wire(answer(403)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        with pytest.raises(NotWrittenError, match="ProxyError"):
            send("https://api.voiceinfra.invalid/v1/calls/outbound")
    ((head, body),) = proxy.requests
    assert head.startswith("CONNECT api.voiceinfra.invalid:443 ")
    assert "key" not in head.lower()
    assert body == b""


def test_a_request_that_went_through_a_proxy_was_written(monkeypatch, trusted_tls):
    def tunnel(talk: Talk) -> None:
        talk.read()
        talk.sock.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
        talk.start_tls(trusted_tls)
        talk.read()

    with wire(tunnel) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        with pytest.raises(NoAnswerError):
            send("https://127.0.0.1:1/v1/calls/outbound")
    assert [head.split()[0] for head, _ in proxy.requests] == ["CONNECT", "POST"]


@pytest.mark.parametrize("name", ["HTTP_PROXY", "ALL_PROXY"])
def test_plain_http_goes_through_no_proxy(monkeypatch, name):
    with wire(answer(502)) as proxy, wire(queued) as sandbox:
        monkeypatch.setenv(name, proxy.url)
        # `http_proxy` is only believed in small letters.
        monkeypatch.setenv(name.lower(), proxy.url)
        assert send(sandbox.url).status == 200
    assert proxy.connections == 0


@pytest.mark.parametrize("interim", ["100 Continue", "102 Processing", "103 Early Hints", "199 Whatever"])
@pytest.mark.parametrize(
    "headers", ["", "Link: </a.css>\r\n", "X-Status: HTTP/1.1 500 Broken\r\n", "Content-Length: 0\r\n"]
)
def test_interim_responses_are_skipped(interim, headers):
    def play(talk: Talk) -> None:
        talk.read()
        for _ in range(3):
            talk.sock.sendall(f"HTTP/1.1 {interim}\r\n{headers}\r\n".encode())
        talk.send("200 OK", body=b'{"call_id": "call-1"}')

    with wire(play) as server:
        answer = send(server.url)
    assert (answer.status, answer.body) == (200, b'{"call_id": "call-1"}')


def test_an_interim_response_with_a_body_makes_the_answer_unreadable():
    def play(talk: Talk) -> None:
        talk.read()
        talk.sock.sendall(b"HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\n\r\nhello")
        talk.send("200 OK", body=b'{"call_id": "call-1"}')

    with wire(play) as server, pytest.raises(NoAnswerError):
        send(server.url)


@pytest.mark.parametrize("piece", [b"HTTP/1.1 102 Processing\r\n\r\n", b"X", b"X: x\r\n"])
def test_a_head_that_never_ends_is_waited_for_no_longer_than_the_time_to_answer(piece):
    sent: list[int] = []

    def endless(talk: Talk) -> None:
        talk.read()
        talk.sock.sendall(b"HTTP/1.1 200 OK\r\n" if piece.startswith(b"X") else piece)
        for number in range(_ENDLESS):
            sent.append(number)
            talk.sock.sendall(piece)
            time.sleep(0.001 if piece.startswith(b"HTTP") else 0.05)

    with wire(endless) as server, pytest.raises(NoAnswerError):
        send(server.url, Timeouts(connect=20, read=0.2, body=20))
    assert len(sent) < _ENDLESS


def test_switching_protocols_is_an_answer_of_its_own():
    with wire(answer(101, {"call_id": "call-1"}, "Upgrade: h2c", "Connection: Upgrade")) as server:
        assert send(server.url).status == 101
