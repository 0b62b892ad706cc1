"""Every shell snippet is run by bash, with stand-ins that write down what they are asked, and that is then checked."""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import metadata
from typing import Any

import pytest
import requests
import yaml
from packaging.requirements import Requirement

from airflow_provider_voiceinfra.cli.commands import COMMANDS
from airflow_provider_voiceinfra.cli.parser import make_parser
from airflow_provider_voiceinfra.get_provider_info import get_provider_info
from tests.integration.docs.snippets import ALL, PAGES, ROOT, inline_code

BASH = [snippet for snippet in ALL if snippet.language == "bash"]
OPTIONS = get_provider_info()["config"]["voiceinfra"]["options"]
_END = "what_was_exported"
_STAND_IN = f"""#!{sys.executable}
import json, os, sys
with open(os.environ["ASKED"], "a") as asked:
    asked.write(json.dumps([[os.path.basename(sys.argv[0]), *sys.argv[1:]], dict(os.environ)]) + chr(10))
"""


@dataclass(frozen=True)
class Asked:
    """A command that a snippet gave."""

    words: list[str]
    environment: dict[str, str]


@pytest.fixture
def run_by_bash(tmp_path) -> Callable[[str], list[Asked]]:
    """Run code where no command is but the stand-ins: one that nobody checks is not found, and fails."""
    stand_ins, asked = tmp_path / "stand-ins", tmp_path / "asked"
    stand_ins.mkdir()
    for name in (*CHECKS, _END):
        (stand_ins / name).write_text(_STAND_IN)
        (stand_ins / name).chmod(0o755)

    def run(code: str) -> list[Asked]:
        env = {"PATH": str(stand_ins), "ASKED": str(asked), "API_KEY": "key", "PWD": str(tmp_path)}
        command = ["/bin/bash", "-euo", "pipefail", "-c", f"{code}\n{_END}"]
        subprocess.run(command, env=env, cwd=tmp_path, check=True, stdin=subprocess.DEVNULL)
        return [Asked(*json.loads(line)) for line in asked.read_text().splitlines()]

    return run


def check_airflow(words: list[str]) -> None:
    from airflow.cli.cli_parser import get_parser

    get_parser().parse_args(words)


def check_python(words: list[str]) -> None:
    assert words[:2] == ["-m", "airflow_provider_voiceinfra"]
    make_parser().parse_args(words[2:])


def check_pip(words: list[str]) -> None:
    command, *options, what = words
    assert command == "install"
    assert set(options) <= {"--upgrade"}
    requirement = Requirement(what)
    known = metadata("airflow-provider-voiceinfra")
    assert requirement.name == known["Name"]
    assert requirement.extras <= set(known.get_all("Provides-Extra"))


def check_make(words: list[str]) -> None:
    [target] = words
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


def check_docker(words: list[str]) -> None:
    assert words[0] in {"build", "run"}
    assert all((ROOT / word).exists() for word in words if word.startswith("docs/"))


def check_kubectl(words: list[str]) -> None:
    """Make the Secret that Airflow's chart is told of: with its name, and all its keys."""
    create, secret, generic, name, *literals = words
    assert (create, secret, generic) == ("create", "secret", "generic")
    given = dict(word.removeprefix("--from-literal=").split("=", 1) for word in literals)
    [wanted] = [yaml.safe_load(each.code)["secret"] for each in ALL if each.language == "yaml"]
    assert {each["secretName"] for each in wanted} == {name}
    assert {each["secretKey"] for each in wanted} == given.keys()
    check_environment({each["envName"]: given[each["secretKey"]] for each in wanted})


def check_curl(words: list[str]) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("-i", "--include", action="store_true")
    parser.add_argument("-d", "--data")
    json.loads(parser.parse_args(words).data)


def check_pytest(words: list[str]) -> None:
    assert not words


CHECKS: dict[str, Callable[[list[str]], None]] = {
    "airflow": check_airflow,
    "python": check_python,
    "pip": check_pip,
    "make": check_make,
    "docker": check_docker,
    "kubectl": check_kubectl,
    "curl": check_curl,
    "pytest": check_pytest,
}


def check_environment(environment: dict[str, str]) -> None:
    for name, value in environment.items():
        if name.startswith("AIRFLOW_CONN_"):
            connection: dict[str, Any] = json.loads(value)
            assert connection["conn_type"] == "voiceinfra"
            fields = get_provider_info()["connection-types"][0]["conn-fields"]
            assert connection["extra"].keys() <= fields.keys()
        if name.startswith("AIRFLOW__VOICEINFRA__"):
            assert name.removeprefix("AIRFLOW__VOICEINFRA__").removesuffix("_SECRET").lower() in OPTIONS


@pytest.mark.parametrize("snippet", BASH, ids=str)
def test_commands_and_settings_are_those_that_there_are(snippet, run_by_bash):
    *asked, end = run_by_bash(snippet.code)
    for each in asked:
        CHECKS[each.words[0]](each.words[1:])
    check_environment(end.environment)


def test_the_sandbox_is_steered_as_its_page_says(voiceinfra, run_by_bash):
    [snippet] = [each for each in BASH if "/sandbox/outcome" in each.code]
    [asked, _] = run_by_bash(snippet.code)
    _, url, _, body = asked.words
    here = voiceinfra.sandbox.url.removesuffix("/v1")
    answer = requests.post(url.replace("http://127.0.0.1:8099", here), data=body, timeout=60)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_in_sentences_are_those_that_there_are(page):
    for code in inline_code(page):
        if code.startswith("airflow voiceinfra "):
            check_words(code.split()[2:])


def check_words(words: list[str]) -> None:
    """Follow a command that may not be whole, as a sentence names it."""
    commands, options = COMMANDS, set()
    for word in words:
        known = {each.name: each for each in commands}
        if word in known:
            commands = known[word].commands
            options = {flag for argument in known[word].arguments for flag in argument.flags}
        elif word.startswith("--"):
            assert word in options, words
        else:
            assert not commands or word == "…", words
