from __future__ import annotations

import argparse
import signal
import socket
import subprocess
import sys
from types import SimpleNamespace

import pytest

from airflow_provider_voiceinfra.sandbox.sandbox_command import masked, parse_delay, run

ARGS = {
    "host": "127.0.0.1",
    "port": 0,
    "webhook_url": None,
    "secret": None,
    "api_key": "sandbox-key",
    "delay": "0",
    "slow_answer": 45.0,
    "late": 60.0,
    "agents": None,
    "from_numbers": ["+14155550198", "+14155550199"],
}


@pytest.fixture
def command(receiver):
    args = argparse.Namespace(**{**ARGS, "webhook_url": receiver.url})
    code = f"import sys; from argparse import Namespace; from {run.__module__} import run; sys.exit(run({args}))"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


def read_introduction(command):
    lines = []
    while (line := command.stdout.readline()) and not line.startswith("Ctrl-C"):
        lines.append(line)
    command.stdout.readline()
    return "".join(lines)


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_it_introduces_itself_shows_calls_without_numbers_and_ends_well(ending, command, receiver, place):
    introduction = read_introduction(command)
    url = introduction.split("base URL")[1].split()[0]
    port = url.removesuffix("/v1").rpartition(":")[2]
    for shown in (
        f"sandbox-secret-{port}",
        "sandbox-key",
        "agent_sandbox",
        "+14155550198",
        receiver.url,
        "+14155550112",
        "/sandbox\n",
    ):
        assert shown in introduction
    call_id = place(SimpleNamespace(url=url), "+14155550101").json()["call_id"]
    lines = [command.stdout.readline() for _ in range(2)]
    assert lines[0].split()[1:] == ["call", call_id, "+1415•••0101", "voicemail"]
    assert lines[1].split()[1:] == ["webhook", call_id, "delivered"]
    command.send_signal(ending)
    assert command.wait(60) == 0


def test_a_second_sandbox_at_the_same_port_says_what_to_do(capsys):
    with socket.create_server(("127.0.0.1", 0)) as other:
        assert run(argparse.Namespace(**{**ARGS, "port": other.getsockname()[1]})) == 1
    printed = capsys.readouterr().out
    assert "another sandbox" in printed
    assert "--port" in printed


@pytest.mark.parametrize("mistake", [{"delay": "soon"}, {"webhook_url": "localhost:8080"}])
def test_a_mistake_is_told(mistake, capsys):
    assert run(argparse.Namespace(**{**ARGS, **mistake})) == 2
    assert next(iter(mistake.values())) in capsys.readouterr().out


def test_a_delay_is_a_number_or_two():
    assert parse_delay("3") == (3, 3)
    assert parse_delay("0.5-5") == (0.5, 5)
    for bad in ("", "x", "5-2", "-1", "1-2-3"):
        with pytest.raises(ValueError, match="--delay"):
            parse_delay(bad)


def test_numbers_are_masked():
    assert masked("+14155550100") == "+1415•••0100"
    assert masked("+4512345") == "+4•••45"
