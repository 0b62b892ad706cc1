"""A connection is used again while it is busy, and never where it may have been closed meanwhile."""

from __future__ import annotations

import threading

import pytest

from airflow_provider_voiceinfra.calls import transport
from airflow_provider_voiceinfra.calls.transport import NotWrittenError, Timeouts, Transport
from tests.unit.calls.wire import Talk, keep_alive, queued, wire

PATIENT = Timeouts(connect=20, read=20, body=20)


@pytest.fixture
def send():
    kept = Transport()
    return lambda url, timeouts=PATIENT: kept.post(url, headers={"X-API-Key": "key"}, body=b"{}", timeouts=timeouts)


def test_calls_that_follow_each_other_share_a_connection(send):
    with wire(keep_alive) as server:
        assert [send(server.url).status for _ in range(3)] == [200] * 3
    assert server.connections == 1
    assert len(server.requests) == 3


def test_so_they_do_under_tls(send, trusted_tls):
    with wire(lambda talk: (talk.start_tls(trusted_tls), keep_alive(talk))) as server:
        assert [send(server.url.replace("http:", "https:")).status for _ in range(2)] == [200] * 2
    assert server.connections == 1


def test_but_not_after_a_pause(send, monkeypatch):
    monkeypatch.setattr(transport, "KEPT_FOR", 0.0)
    with wire(keep_alive) as server:
        send(server.url)
        send(server.url)
    assert server.connections == 2


def test_nor_in_another_thread_or_process(send, monkeypatch):
    with wire(keep_alive) as server:
        send(server.url)
        other = threading.Thread(target=send, args=(server.url,))
        other.start()
        other.join()
        assert server.connections == 2
        monkeypatch.setattr("os.getpid", lambda: -1)
        send(server.url)
    assert server.connections == 3


def test_one_that_was_closed_is_not_written_to(send):
    closed = threading.Event()

    def answer_and_close(talk: Talk) -> None:
        talk.read()
        talk.send("200 OK", body=b"{}", last=False)
        talk.sock.close()
        closed.set()

    with wire(answer_and_close, queued) as server:
        send(server.url)
        closed.wait(20)
        assert send(server.url).body == b'{"call_id": "call-1", "status": "queued"}'
    assert server.connections == 2
    assert len(server.requests) == 2


def test_nor_one_whose_answer_was_not_read_to_its_end(send):
    def endless(talk: Talk) -> None:
        talk.read()
        talk.send("200 OK", body=b'{"call_id": ', length=100, last=False)
        talk.sock.recv(1)

    with wire(endless, queued) as server:
        assert send(server.url, Timeouts(connect=20, read=0.2, body=0.2)).body is None
        assert send(server.url).body == b'{"call_id": "call-1", "status": "queued"}'


def test_where_it_cannot_be_made_anew_nothing_was_written(send):
    closed = threading.Event()

    def answer_and_close(talk: Talk) -> None:
        talk.read()
        talk.send("200 OK", body=b"{}", last=False)
        talk.sock.close()
        closed.set()

    with wire(answer_and_close) as server:
        send(server.url)
        closed.wait(20)
    with pytest.raises(NotWrittenError):
        send(server.url)


def test_no_cookie_is_kept(send):
    def play(talk: Talk) -> None:
        while talk.read():
            talk.send("200 OK", "Set-Cookie: who=me; Path=/", body=b"{}", last=False)

    with wire(play) as server:
        send(server.url)
        send(server.url)
    assert not any("cookie" in head.lower() for head, _ in server.requests)
