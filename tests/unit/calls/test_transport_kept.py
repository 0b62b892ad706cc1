"""A connection is used again while it is busy, and never where it may have been closed meanwhile."""

from __future__ import annotations

import contextlib
import socket
import threading
import time

import pytest

from airflow_provider_voiceinfra.calls import transport
from airflow_provider_voiceinfra.calls.transport import NoAnswerError, NotWrittenError, Timeouts, Transport
from tests.support.wire import Talk, keep_alive, queued, wire

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
        closed.wait(60)
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
        closed.wait(60)
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


FIRST = b'{"call_id": "first"}'
SECOND = b'{"call_id": "second"}'
OK = b"HTTP/1.1 200 OK\r\n"
LENGTH = b"Content-Length: 20\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
CHUNKS = b"5;a=b\r\n" + FIRST[:5] + b"\r\nf\r\n" + FIRST[5:] + b"\r\n0\r\nX: y\r\n\r\n"
WHOLE = OK + LENGTH + b"\r\n" + FIRST

AMBIGUOUS = {
    "http/1.0": b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n" + LENGTH + b"\r\n" + FIRST,
    "close": OK + b"Connection: Close\r\n" + LENGTH + b"\r\n" + FIRST,
    "a second close": OK + b"Connection: x\r\nConnection: y, close\r\n" + LENGTH + b"\r\n" + FIRST,
    "two kinds of length": OK + CHUNKED + LENGTH + b"\r\n" + CHUNKS,
    "two lengths": OK + LENGTH + b"Content-Length: 21\r\n\r\n" + FIRST,
    "a list of lengths": OK + b"Content-Length: 20, 21\r\n\r\n" + FIRST,
    "a length with a sign": OK + b"Content-Length: +20\r\n\r\n" + FIRST,
    "an odd encoding": OK + b"Transfer-Encoding: gzip, chunked\r\n" + LENGTH + b"\r\n" + FIRST,
    "a broken header": OK + LENGTH + b"what is this\r\nConnection: close\r\n\r\n" + FIRST,
    "no length": OK + b"\r\n" + FIRST,
    "another answer": WHOLE + WHOLE,
    "half an answer": WHOLE + b"HTTP/1.1 20",
    "a byte too many": WHOLE + b"\n",
    "chunks and a byte too many": OK + CHUNKED + b"\r\n" + CHUNKS + b"\n",
    "no body by definition": b"HTTP/1.1 204 No Content\r\n" + LENGTH + b"\r\n" + FIRST,
    "switching protocols": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nContent-Length: 0\r\n\r\n",
}


@pytest.mark.parametrize("raw", AMBIGUOUS.values(), ids=AMBIGUOUS.keys())
def test_a_connection_is_left_after_an_answer_that_can_be_read_in_two_ways(send, raw):
    def play(talk: Talk) -> None:
        talk.read()
        talk.sock.sendall(raw)
        if talk.read():
            talk.send("200 OK", body=b'{"call_id": "never"}')

    quick = Timeouts(connect=20, read=0.5, body=0.5)
    with wire(play, lambda talk: (talk.read(), talk.send("200 OK", body=SECOND))) as server:
        with contextlib.suppress(NoAnswerError):
            send(server.url, quick)
        assert send(server.url).body == SECOND
    assert server.connections == 2


@pytest.mark.parametrize(
    "raw",
    [OK + CHUNKED + b"\r\n" + CHUNKS, b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n" + WHOLE],
    ids=["chunks", "interim"],
)
def test_but_it_is_kept_after_a_whole_answer(send, raw):
    def play(talk: Talk) -> None:
        while talk.read():
            talk.sock.sendall(raw)

    with wire(play) as server:
        assert [send(server.url).body for _ in range(3)] == [FIRST] * 3
    assert server.connections == 1


@pytest.mark.parametrize("status", [100, 102, 103, 150])
def test_interim_responses_do_not_shift_answers(send, status):
    def play(talk: Talk) -> None:
        number = 0
        while talk.read():
            number += 1
            talk.sock.sendall(b"HTTP/1.1 %d Interim\r\nLink: </a>\r\n\r\n" % status * number)
            talk.send("200 OK", body=b"%d" % number, last=False)

    with wire(play) as server:
        assert [send(server.url).body for _ in range(4)] == [b"1", b"2", b"3", b"4"]


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_late_second_answer_is_not_taken_for_that_of_the_next_call(send, trusted_tls, scheme):
    """It comes while the connection is kept, before the next request is written."""
    came = threading.Event()

    def twice(talk: Talk) -> None:
        if scheme == "https":
            talk.start_tls(trusted_tls)
        talk.read()
        talk.send("200 OK", body=FIRST, last=False)
        came.wait(60)
        talk.send("200 OK", body=b'{"call_id": "never"}', last=False)
        came.clear()
        talk.sock.recv(1)

    def second(talk: Talk) -> None:
        if scheme == "https":
            talk.start_tls(trusted_tls)
        talk.read()
        talk.send("200 OK", body=SECOND)

    with wire(twice, second) as server:
        url = server.url.replace("http", scheme)
        assert send(url).body == FIRST
        came.set()
        while came.is_set():
            time.sleep(0.001)
        assert send(url).body == SECOND
    assert len(server.requests) == 2


class Turn:
    """A turn to send that comes once the server has done something."""

    def __init__(self) -> None:
        self.waited_for, self.come = threading.Event(), threading.Semaphore(0)

    def wait(self) -> None:
        self.waited_for.set()
        self.come.acquire(timeout=60)


@pytest.mark.parametrize("late", [WHOLE, b""], ids=["answers", "hangs up"])
def test_what_a_server_does_while_a_turn_is_waited_for_is_seen_before_the_first_byte(late):
    transport, turn = Transport(), Turn()

    def play(talk: Talk) -> None:
        talk.read()
        talk.send("200 OK", body=FIRST, last=False)
        turn.waited_for.wait(60)
        talk.sock.sendall(late)
        if not late:
            talk.sock.shutdown(socket.SHUT_WR)
        # For this connection, and for the new one.
        turn.come.release(2)
        talk.read()

    with wire(play, lambda talk: (talk.read(), talk.send("200 OK", body=SECOND))) as server:
        request = {"url": server.url, "headers": {}, "body": b"{}", "timeouts": PATIENT}
        assert transport.post(**request).body == FIRST
        assert transport.post(**request, gate=turn.wait).body == SECOND
    assert len(server.requests) == 2


def test_a_server_that_answers_before_it_is_asked_is_sent_nothing():
    turn = Turn()

    def eager(talk: Talk) -> None:
        talk.sock.sendall(WHOLE)
        turn.come.release()
        talk.read()

    with wire(eager) as server, pytest.raises(NotWrittenError):
        Transport().post(server.url, headers={}, body=b"{}", timeouts=PATIENT, gate=turn.wait)
    assert server.requests == []
