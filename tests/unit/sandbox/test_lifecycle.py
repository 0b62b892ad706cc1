from __future__ import annotations

import socket
import struct
import threading

import pytest
import requests

from airflow_provider_voiceinfra.sandbox import Sandbox


def all_threads():
    return {thread for thread in threading.enumerate() if thread.name.startswith("sandbox")}


@pytest.fixture
def threads():
    """The sandbox's threads of this test; another sandbox may run in this process for other tests."""
    others = all_threads()
    return lambda: all_threads() - others


def address(sandbox):
    host, port = sandbox.url.removeprefix("http://").removesuffix("/v1").split(":")
    return host, int(port)


def test_a_stopped_sandbox_leaves_no_thread_and_no_port(receiver, place, in_background, threads):
    sandbox = Sandbox(webhook_url=receiver.url, delay=(0, 0)).start()
    receiver.gate.clear()
    with socket.create_connection(address(sandbox)), requests.Session() as session:
        session.get(sandbox.url, timeout=60)
        slow = in_background(place, sandbox, "+14155550110")
        early = in_background(place, sandbox, "+14155550160")
        receiver.wait_for_any(2)
        assert threads()
        sandbox.stop()
        assert threads() == set()
        for answer in (slow, early):
            assert isinstance(answer.exception(5), requests.exceptions.ConnectionError)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address(sandbox))


def test_calls_that_are_open_at_the_stop_are_dropped(receiver, place):
    with Sandbox(webhook_url=receiver.url, delay=(60, 60)) as sandbox:
        place(sandbox)
    assert len(sandbox.dials) == 1
    assert sandbox.deliveries == []


def test_stopping_twice_or_before_the_start_is_nothing(threads):
    Sandbox().stop()
    with Sandbox() as sandbox:
        sandbox.stop()
    assert threads() == set()


@pytest.mark.parametrize("linger", [struct.pack("ii", 0, 0), struct.pack("ii", 1, 0)], ids=["closed", "reset"])
@pytest.mark.parametrize(
    "words",
    [b"POST /v1/calls/out", b"POST /v1/calls/outbound HTTP/1.1\r\nContent-Length: 99\r\n\r\n{", b"\r\n"],
)
def test_a_client_that_hangs_up_disturbs_nobody(words, linger, sandbox, place, capfd):
    with socket.create_connection(address(sandbox)) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        connection.sendall(words)
    assert place(sandbox).ok
    sandbox.stop()
    assert capfd.readouterr().err == ""


def test_fifty_clients_at_once_all_get_their_calls(sandbox, place):
    clients = [threading.Thread(target=lambda: [place(sandbox) for _ in range(2)]) for _ in range(50)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    assert len({dial.call_id for dial in sandbox.dials}) == 100
