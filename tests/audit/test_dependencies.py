"""No dependency is known to be vulnerable: what pip-audit's service says of every version in constraints.txt."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ASK = [sys.executable, "-m", "pip_audit", "--no-deps", "--disable-pip", "--progress-spinner=off", "--format=json"]


def ask(requirements: Path) -> list[dict]:
    """Ask of each dependency.

    What was not answered makes pip-audit's own status no other than what was found harmless: here it is a skip.
    """
    asked = subprocess.run([*ASK, "-r", requirements], check=False, capture_output=True, text=True)
    if not asked.stdout:
        pytest.skip(f"the service could not be asked: {asked.stderr.splitlines()[-1]}")
    told = json.loads(asked.stdout)["dependencies"]
    unanswered = [each["name"] for each in told if "skip_reason" in each]
    vulnerable = [each for each in told if each.get("vulns")]
    if unanswered and not vulnerable:
        pytest.skip(f"the service could not be asked about {len(unanswered)} of {len(told)} dependencies")
    return vulnerable


def test_no_dependency_is_known_to_be_vulnerable():
    vulnerable = ask(ROOT / "constraints.txt")
    assert not vulnerable, "\n".join(
        f"{each['name']} {each['version']}: {flaw['id']}, mended in {', '.join(flaw['fix_versions']) or 'no version'}"
        for each in vulnerable
        for flaw in each["vulns"]
    )


def test_a_vulnerable_one_would_be_found(tmp_path):
    (tmp_path / "requirements.txt").write_text("jinja2==3.1.2\n")
    assert ask(tmp_path / "requirements.txt")
