"""Whoever comes to the code finds what lives where."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest

import airflow_provider_voiceinfra

PACKAGE = Path(airflow_provider_voiceinfra.__file__).parent
TESTS = Path(__file__).parents[2]
FOLDERS = sorted({path.parent for top in (PACKAGE, TESTS) for path in top.rglob("*.py")} - {PACKAGE / "example_dags"})


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_each_folder_says_in_one_line_what_lives_there(folder):
    said = ast.get_docstring(ast.parse((folder / "__init__.py").read_text())) or ""
    assert re.match(r"\S.{10,110}\.(\n|$)", said)


def test_the_map_of_the_code_is_that_of_the_imports():
    settings = tomllib.loads((TESTS.parent / "pyproject.toml").read_text())["tool"]["importlinter"]
    layers = [re.findall(r"\w+", layer) for layer in settings["contracts"][0]["layers"]]
    rows = re.findall(r"(?m)^\| (`[a-z_`, ]+`) \|", (TESTS.parent / "CONTRIBUTING.md").read_text())
    assert [re.findall(r"\w+", row) for row in rows] == layers
