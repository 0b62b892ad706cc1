"""No secret is in the repository, nor was it ever: detect-secrets, by the rules in .secrets.baseline."""

from __future__ import annotations

import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RULES = ".secrets.baseline"
HOOK = [Path(sysconfig.get_path("scripts")) / "detect-secrets-hook", "--baseline", RULES]


@pytest.fixture
def folder(tmp_path):
    """A repository of its own, without which detect-secrets does not look."""
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    shutil.copy(ROOT / RULES, tmp_path)
    return tmp_path


@pytest.fixture
def git():
    def run(*command, **options):
        return subprocess.run(["git", *command], cwd=ROOT, check=True, capture_output=True, **options).stdout

    if not (ROOT / ".git").exists():
        pytest.skip("this is no git repository")
    return run


def look(folder, names):
    looked = subprocess.run([*HOOK, *names], cwd=folder, check=False, capture_output=True, text=True)
    return looked.returncode, looked.stdout + looked.stderr


def test_no_secret_is_in_the_tree(git):
    status, said = look(ROOT, git("ls-files", text=True).splitlines())
    assert status == 0, said


def test_no_secret_was_ever_in_the_history(git, folder):
    names = []
    for line in git("rev-list", "--objects", "--all", text=True).splitlines():
        blob, _, path = line.partition(" ")
        if path and git("cat-file", "-t", blob, text=True).strip() == "blob":
            names.append(f"{blob[:12]}/{path}")
            (folder / names[-1]).parent.mkdir(parents=True, exist_ok=True)
            (folder / names[-1]).write_bytes(git("cat-file", "blob", blob))
    status, said = look(folder, names)
    assert status == 0, said


def test_a_secret_would_be_found(folder):
    key = "Ab1".join(("AKIA", "0O9", "x7Q", "z_3"))
    (folder / "dag.py").write_text(f'API_KEY = "{key}"\n')
    status, said = look(folder, ["dag.py"])
    assert status == 1
    assert "dag.py:1" in said
