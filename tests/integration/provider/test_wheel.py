"""What is published: the wheel and the source archive hold what they should, and nothing else."""

from __future__ import annotations

import re
import subprocess
import sysconfig
import tarfile
import zipfile
from email.parser import HeaderParser
from pathlib import Path

import pytest

from airflow_provider_voiceinfra import __version__

ROOT = Path(__file__).parents[3]
PACKAGE = "airflow_provider_voiceinfra"
SCRIPTS = Path(sysconfig.get_path("scripts"))
_MADE = {"__pycache__", "_build"}
VENDOR = f"{PACKAGE}/plugin/calls_page/static/vendor"


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run([SCRIPTS / "hatchling", "build", "-d", folder], cwd=ROOT, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def wheel(built) -> zipfile.ZipFile:
    [path] = built.glob("*.whl")
    return zipfile.ZipFile(path)


def files(folder: str) -> set[str]:
    found = (path for path in (ROOT / folder).rglob("*") if path.is_file() and not _MADE.intersection(path.parts))
    return {path.relative_to(ROOT).as_posix() for path in found}


def test_the_wheel_holds_the_package_its_examples_and_all_licences_and_nothing_else(wheel):
    info = f"{PACKAGE}-{__version__}.dist-info"
    package, examples = files(PACKAGE), files("example_dags")
    licences = {"LICENSE", *(name for name in package if name.endswith(".LICENSE.txt"))}
    assert set(wheel.namelist()) == {
        *package,
        *(f"{PACKAGE}/{name}" for name in examples),
        *(f"{info}/{name}" for name in ("METADATA", "RECORD", "WHEEL", "entry_points.txt")),
        *(f"{info}/licenses/{name}" for name in licences),
    }
    assert f"{PACKAGE}/py.typed" in package
    assert len([name for name in package if name.startswith(VENDOR) and name.endswith(".js")]) == len(licences) - 1


def test_the_source_archive_builds_and_tests_the_same(built):
    [path] = built.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert names >= files(PACKAGE) | files("example_dags") | files("docs") | files("tools")
    assert names >= {"CHANGELOG.md", "LICENSE", "Makefile", "README.md", "constraints.txt", "pyproject.toml"}


def test_there_is_one_version(wheel):
    [metadata] = (name for name in wheel.namelist() if name.endswith("METADATA"))
    assert HeaderParser().parsestr(wheel.read(metadata).decode())["Version"] == __version__
    assert re.findall(r"(?m)^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text())[0] in {"Unreleased", __version__}


@pytest.mark.parametrize("program", [["check-wheel-contents"], ["twine", "check", "--strict"]])
def test_those_who_look_at_wheels_find_no_fault(built, program):
    name, *options = program
    given = built.glob("*" if name == "twine" else "*.whl")
    looked = subprocess.run([SCRIPTS / name, *options, *given], cwd=ROOT, check=False, capture_output=True, text=True)
    assert looked.returncode == 0, looked.stdout + looked.stderr
