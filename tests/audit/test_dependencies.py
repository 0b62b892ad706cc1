"""No dependency is known to be vulnerable: what pip-audit's service says of every version in constraints.txt."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.wire import answer, wire

ROOT = Path(__file__).parents[2]
ASK = [sys.executable, "-m", "pip_audit", "--no-deps", "--disable-pip", "--progress-spinner=off", "--format=json"]
# As https://google.github.io/osv.dev/post-v1-query/ has it.
FLAW = {
    "id": "GHSA-h5c8-rqwp-cp95",
    "affected": [
        {
            "package": {"name": "jinja2", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "3.1.3"}]}],
        }
    ],
}


def flaws(requirements: Path, *service: str) -> list[str]:
    """Ask of each dependency.

    What was not answered makes pip-audit's own status no other than what was found harmless: here it is a skip.
    """
    asked = subprocess.run([*ASK, *service, "-r", requirements], check=False, capture_output=True, text=True)
    if not asked.stdout:
        pytest.skip(f"the service could not be asked: {asked.stderr.splitlines()[-1]}")
    told = json.loads(asked.stdout)["dependencies"]
    unanswered = [each["name"] for each in told if "skip_reason" in each]
    found = [
        f"{each['name']} {each['version']}: {flaw['id']}, fixed in {', '.join(flaw['fix_versions']) or 'no version'}"
        for each in told
        for flaw in each.get("vulns", ())
    ]
    if unanswered and not found:
        pytest.skip(f"the service could not be asked about {len(unanswered)} of {len(told)} dependencies")
    return found


def test_no_dependency_is_known_to_be_vulnerable():
    found = flaws(ROOT / "constraints.txt")
    assert not found, "\n".join(found)


@pytest.fixture
def ask(tmp_path):
    """Ask of jinja2 3.1.2 a service like osv.dev's, which answers so."""

    def ask_once(*said):
        (tmp_path / "requirements.txt").write_text("jinja2==3.1.2\n")
        with wire(answer(*said)) as server:
            options = "--vulnerability-service=osv", f"--osv-url={server.url}/v1/query"
            found = flaws(tmp_path / "requirements.txt", *options)
        [(_, asked)] = server.requests
        assert json.loads(asked) == {"package": {"name": "jinja2", "ecosystem": "PyPI"}, "version": "3.1.2"}
        return found

    return ask_once


def test_a_vulnerable_one_is_found_and_named(ask):
    assert ask(200, {"vulns": [FLAW]}) == ["jinja2 3.1.2: GHSA-h5c8-rqwp-cp95, fixed in 3.1.3"]


def test_of_one_that_is_harmless_nothing_is_said(ask):
    assert ask(200, {}) == []


def test_what_could_not_be_asked_is_not_taken_for_harmless(ask):
    with pytest.raises(pytest.skip.Exception, match="could not be asked"):
        ask(503)
