"""What each place shows, as people find it there."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import requests

from airflow_provider_voiceinfra.demo.airflow_process import Standalone
from airflow_provider_voiceinfra.plugin.calls_page.app import create_calls_page
from airflow_provider_voiceinfra.sandbox import Sandbox
from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.store.guard.pauses import Scope
from tests.system.privacy import databases
from tests.system.web import PASSWORDS


def every_page(url: str, name: str | None, store: CallStore) -> str:
    """Give everything that the Calls page answers to a user, whatever they ask for; without a name, to nobody."""
    session = _signed_in(url, name)
    return "\n".join(session.get(f"{url}/voiceinfra/calls{path}", timeout=60).text for path in _paths(store))


def looked_for(url: str, name: str, number: str) -> str:
    """Return what the Calls page finds for a number: a search for one must not put it into a log."""
    session, ours = _signed_in(url, name), {"HX-Request": "true", "Sec-Fetch-Site": "same-origin"}
    led = session.post(f"{url}/voiceinfra/calls/find", data={"q": number}, headers=ours, timeout=60)
    return session.get(url + json.loads(led.headers["HX-Location"])["path"], timeout=60).text


def _signed_in(url: str, name: str | None) -> requests.Session:
    session = requests.Session()
    if name:
        asked = {"username": name, "password": PASSWORDS[name]}
        token = session.post(f"{url}/auth/token", json=asked, timeout=60).json()["access_token"]
        session.headers["Authorization"] = f"Bearer {token}"
    return session


def _paths(store: CallStore) -> Iterable[str]:
    calls = list(store.calls.iterate())
    ids = {"ref": [call.ref for call in calls], "list_id": sorted({call.list_id for call in calls if call.list_id})}
    for route in create_calls_page(store).routes:
        [wanted] = re.findall(r"\{(\w+)\}", route.path) or [""]
        if "GET" in getattr(route, "methods", ()):
            yield from (route.path.replace(f"{{{wanted}}}", each) for each in ids.get(wanted, [""]))


def of_commands(airflow: Standalone, ref: str) -> str:
    """Return what the commands about calls write."""
    asked = (["list"], ["show", ref], ["export", "--format", "jsonl"], ["export", "--format", "csv"])
    command = [sys.executable, "-m", "airflow_provider_voiceinfra", "calls"]
    runs = [subprocess.run([*command, *each], env=airflow.env, capture_output=True, check=True) for each in asked]
    return "\n".join((run.stdout + run.stderr).decode() for run in runs)


def end_and_purge(store: CallStore, sandbox: Sandbox) -> None:
    """Let every call end, and what was still to be called, and forget all of it."""
    store.pauses.pause(Scope.ALL, "", reason="the test ends", actor="the test")
    store.pauses.resume(Scope.ALL, "", actor="the test", cancel=True)
    for call in store.calls.iterate():
        if call.state == "unknown":
            store.resolutions.not_placed(call.ref, actor="the test")
        elif call.state in {"queued", "overdue"}:
            # A webhook that named another number has ended no call.
            sandbox.complete(call.call_id, to_number=call.to_number)
    end = time.monotonic() + 120
    while left := store.retention.purge(datetime.now(UTC), all_environments=True).open_calls:
        assert time.monotonic() < end, left
        time.sleep(0.1)
    # What ended while it was looked at.
    store.retention.purge(datetime.now(UTC), all_environments=True)


def of_airflow(url: str, key: str) -> dict[str, str]:
    """Return what Airflow's database holds and held, by where people meet it.

    :param key: by which it encrypts.
    """
    rows = databases.everything(url, key)
    return {
        "XComs": rows.pop("xcom"),
        "rendered fields": rows.pop("rendered_task_instance_fields"),
        "triggers and events": "\n".join(rows.pop(name) for name in ("trigger", "asset_event", "callback")),
        "the rest of Airflow's database": "\n".join(rows.values()),
    }


def of_logs(home: Path, others: Iterable[Path]) -> dict[str, str]:
    """Return the logs of tasks, and all others."""
    logs = set((home / "logs").rglob("*.log"))
    tasks = {path for path in logs if any(part.startswith("dag_id=") for part in path.parts)}
    others = {*others, *home.glob("*.log"), *(logs - tasks)}
    return {"task logs": of_files(tasks), "other logs": of_files(others)}


def of_files(paths: Iterable[Path]) -> str:
    """Return all that is in some files."""
    return "\n".join(path.read_text(encoding="utf-8", errors="replace") for path in sorted(paths))
