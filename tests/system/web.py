"""Airflow's web as people meet it: an API server where they sign in, and a real Chromium."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests
from playwright.sync_api import Browser, Frame, Page, sync_playwright

from airflow_provider_voiceinfra.demo import reaper
from airflow_provider_voiceinfra.demo.airflow_process import Standalone
from airflow_provider_voiceinfra.demo.environment import HOST, free_ports

SCREENSHOTS = Path(__file__).parent.parent / "screenshots"
"""Kept after the tests, for people to look at."""
AXE = next((Path(__file__).parent / "vendor").glob("axe-core-*.min.js"))
LAYOUT = Path(__file__).parent / "layout.js"
LOADED_LAST = ".pauses > *"
PASSWORDS = {"eve": "eve's password", "ada": "ada's password"}
ROLES = {"eve": "admin", "ada": "viewer"}
_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@contextmanager
def web_of(airflow: Standalone, folder: Path) -> Iterator[str]:
    """Start one more API server of an Airflow, which lets nobody in without a password.

    :return: its URL.
    """
    passwords = folder / "passwords.json"
    passwords.write_text(json.dumps(PASSWORDS))
    port = free_ports(1)[0]
    url = f"http://{HOST}:{port}"
    env = airflow.env | {
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "False",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{name}:{role}" for name, role in ROLES.items()),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
        "AIRFLOW__VOICEINFRA__SPOOL": str(folder / "spool"),
    }
    command = [str(shutil.which("airflow", path=env["PATH"])), "api-server"]
    with (folder / "web.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", reaper.__name__, "--", *command],
            env=env,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait_for(url, process)
        yield url
    finally:
        process.terminate()
        process.communicate()


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 120
    while True:
        try:
            if requests.get(f"{url}/api/v2/version", timeout=60).ok:
                return
        except requests.RequestException:
            assert process.poll() is None
            assert time.monotonic() < end
            time.sleep(0.2)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start the machine's own Chromium."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    assert found, "These tests need Chromium: `make browser` installs it where it can, and says what to do."
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=list(_FLAGS))
        yield browser
        browser.close()


def sign_in(page: Page, url: str, name: str) -> None:
    """Sign in as people do."""
    page.goto(url)
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill(PASSWORDS[name])
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda at: "/auth/login" not in at)


def frame_in_airflow(page: Page, url: str) -> Frame:
    """Open the Calls page in Airflow, and return the frame that shows it."""
    page.goto(f"{url}/plugin/calls")
    page.frame_locator("iframe").locator(LOADED_LAST).first.wait_for()
    frame = page.locator("iframe").element_handle().content_frame()
    assert frame
    return frame


def go_to(frame: Frame, url: str) -> None:
    """Let the frame show another page, and return when it is complete."""
    frame.goto(url)
    frame.locator(LOADED_LAST).first.wait_for()


def serious_findings(frame: Frame) -> list[str]:
    """Return what axe-core finds to be a serious or critical barrier."""
    frame.evaluate(AXE.read_text())
    found = frame.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    return [
        f"{each['id']}: {node['html'][:120]}"
        for each in found
        if each["impact"] in {"serious", "critical"}
        for node in each["nodes"]
    ]


def layout_faults(frame: Frame) -> list[str]:
    """Return which texts are cut, overlap others, or are outside the page."""
    return list(frame.evaluate(LAYOUT.read_text()))


def keep_screenshot(page: Page, name: str) -> None:
    """Keep what the page looks like."""
    SCREENSHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)
