"""What is published: the wheel and the source archive hold what they should, and nothing else."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from email.message import Message
from email.parser import Parser
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


@pytest.fixture(scope="module")
def metadata(wheel) -> Message:
    [name] = (name for name in wheel.namelist() if name.endswith("METADATA"))
    return Parser().parsestr(wheel.read(name).decode())


@pytest.fixture(scope="module")
def unpacked(built, tmp_path_factory) -> Path:
    """The source archive's folder."""
    [path] = built.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        archive.extractall(folder := tmp_path_factory.mktemp("sdist"), filter="data")
    [root] = folder.iterdir()
    return root


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


def test_the_source_archive_holds_what_builds_and_tests_the_same(unpacked):
    names = {path.relative_to(unpacked).as_posix() for path in unpacked.rglob("*")}
    assert names >= files(PACKAGE) | files("example_dags") | files("docs") | files("tools")
    assert names >= {"CHANGELOG.md", "LICENSE", "Makefile", "README.md", "constraints.txt", "pyproject.toml"}


def test_the_source_archive_builds_the_docs(unpacked):
    built = subprocess.run(
        [sys.executable, "-m", "sphinx", "--fail-on-warning", "--quiet", "docs", "docs/_build"],
        cwd=unpacked,
        env=os.environ | {"PYTHONPATH": str(unpacked)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    assert (unpacked / "docs" / "_build" / "index.html").exists()


def test_there_is_one_version(metadata):
    assert metadata["Version"] == __version__
    assert re.findall(r"(?m)^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text())[0] in {"Unreleased", __version__}


def test_links_work_on_pypi(metadata):
    urls = dict(line.split(", ") for line in metadata.get_all("Project-URL"))
    source = urls.pop("Source")
    assert all(url.startswith(f"{source}/") for url in urls.values())
    targets = re.findall(r"\]\((.+?)\)", metadata.get_payload())
    assert {target.partition(":")[0] for target in targets} == {"https"}
    files = re.findall(rf"\({source}/(blob|raw)/v{re.escape(__version__)}/(.+?)\)", metadata.get_payload())
    assert len(files) > 20
    assert [path for _, path in files if not (ROOT / path).exists()] == []
    assert source not in "".join(target for target in targets if f"/v{__version__}/" not in target)
    assert "mermaid" not in metadata.get_payload()


@pytest.mark.parametrize("program", [["check-wheel-contents"], ["twine", "check", "--strict"]])
def test_those_who_look_at_wheels_find_no_fault(built, program):
    name, *options = program
    given = built.glob("*" if name == "twine" else "*.whl")
    looked = subprocess.run([SCRIPTS / name, *options, *given], cwd=ROOT, check=False, capture_output=True, text=True)
    assert looked.returncode == 0, looked.stdout + looked.stderr
