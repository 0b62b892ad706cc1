"""Bring what the Calls page and its tests need from npm into the repository: these versions, and nothing else.

``make vendor``. To update one, write its new version and the integrity that ``npm view NAME@VERSION dist.integrity``
tells, run it, and run the tests of the page.
"""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "airflow_provider_voiceinfra" / "plugin" / "calls_page" / "static" / "vendor"
TESTS = ROOT / "tests" / "system" / "vendor"


@dataclass(frozen=True, slots=True)
class Pinned:
    """A package of npm.

    :param integrity: of the whole package, as npm tells it.
    :param script: the file that is served.
    :param licences: of the script and of what it contains.
    :param folder: where it is kept; only what is in the page's is published.
    """

    name: str
    version: str
    integrity: str
    script: str
    licences: tuple[str, ...] = ("LICENSE",)
    folder: Path = PAGE


PACKAGES = (
    Pinned(
        "htmx.org",
        "2.0.11",
        "sha512-Thx/WtpeOQqSrqBCw/A1cwGJGg4UrVa3+sW0GmrM3p4gJgO89ecH4qtbnyzDDWFvBTqjnIMCgELTNt636dtamA==",
        "dist/htmx.min.js",
    ),
    Pinned(
        "idiomorph",
        "0.8.0",
        "sha512-R47JBL+6jHDQvcnbppIUtXXcxi5h6+wuCEEZXnRhUltsgzPFKzThL5PuHppP9ypJuy+7WawcY1TsSBD/iQbMhw==",
        "dist/idiomorph-ext.min.js",
    ),
    Pinned(
        "chart.js",
        "4.6.1",
        "sha512-hJyniucsFmq//EvXYvJ6c6mahPoI3kaxdjVH8awTaJ/fDNWeSqqqArixMJWkWNN6fcYvPU3HneSANFNYtRi61g==",
        "dist/chart.umd.min.js",
        ("LICENSE.md",),
    ),
    Pinned(
        "axe-core",
        "4.14.1",
        "sha512-FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ==",
        "axe.min.js",
        ("LICENSE", "LICENSE-3RD-PARTY.txt"),
        TESTS,
    ),
)


def main() -> None:
    """Fetch each package, check it, and write its script and licences."""
    for folder in (PAGE, TESTS):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
    for package in PACKAGES:
        with tempfile.TemporaryDirectory() as folder:
            archive = fetch(package, Path(folder))
            check(package, archive.read_bytes())
            unpack(package, archive)


def fetch(package: Pinned, folder: Path) -> Path:
    """Let npm bring the package as it was published; none of its scripts is run."""
    named = f"{package.name}@{package.version}"
    subprocess.run(["npm", "pack", "--silent", "--ignore-scripts", named], cwd=folder, check=True)  # noqa: S603, S607
    return next(folder.glob("*.tgz"))


def check(package: Pinned, content: bytes) -> None:
    """Make sure that it is the package that somebody has looked at."""
    found = "sha512-" + base64.b64encode(hashlib.sha512(content).digest()).decode()
    if found != package.integrity:
        raise SystemExit(f"{package.name}@{package.version} is not what was pinned: its integrity is {found}.")


def unpack(package: Pinned, archive: Path) -> None:
    """Write the script, named by its version, and its licences beside it."""
    name = f"{package.name.removesuffix('.org').removesuffix('.js')}-{package.version}"
    with tarfile.open(archive) as files:
        for members, suffix in (((package.script,), ".min.js"), (package.licences, ".LICENSE.txt")):
            content = b"\n".join(read(files, member) for member in members)
            (package.folder / f"{name}{suffix}").write_bytes(content)


def read(files: tarfile.TarFile, member: str) -> bytes:
    """Read a file of the package."""
    file = files.extractfile(f"package/{member}")
    if file is None:
        raise SystemExit(f"The package has no file {member}.")
    return file.read()


if __name__ == "__main__":
    main()
