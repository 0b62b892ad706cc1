"""``airflow voiceinfra demo``: the sandbox, a real Airflow, and a DAG that places simulated calls."""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from rich.console import Console
from rich.table import Table

from airflow_provider_voiceinfra.demo.airflow_api import AirflowError
from airflow_provider_voiceinfra.demo.airflow_process import Standalone
from airflow_provider_voiceinfra.demo.clinic import Appointment, Clinic
from airflow_provider_voiceinfra.sandbox import Dial, Sandbox
from airflow_provider_voiceinfra.sandbox.records import Delivery
from airflow_provider_voiceinfra.store.models import OUTCOMES

DAG_ID = "example_appointment_reminders"
_RUN_TIMEOUT = 300
_COLOURS = dict(zip(OUTCOMES, ("green", "yellow", "red"), strict=True))


def run(args: argparse.Namespace) -> int:
    """Run the demo.

    :param args: ``home`` (a folder, or None for a temporary one) and ``exit``.
    :return: 0 if every person was called once and every call completed.
    """
    console = Console(highlight=False)
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, _interrupt)
    stays = sys.stdout.isatty() and not args.exit
    try:
        with _home(args.home) as home, _Demo(home, console) as demo:
            demo.show()
            if stays:
                demo.stay()
    except AirflowError as error:
        # Printed without markup, because a log may contain brackets.
        console.print(f"\n{error}", style="red", markup=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        console.print("\nStopped before the end.")
        return 130
    return 0


def example_dags() -> Path:
    """Find the folder of the example DAGs, in the installed package or beside it in the source tree."""
    package = Path(__file__).parent.parent
    installed = package / "example_dags"
    return installed if installed.is_dir() else package.parent / "example_dags"


class _Demo:
    """A sandbox and an Airflow that are connected to each other."""

    def __init__(self, home: Path, console: Console) -> None:
        self._console = console
        self._clinic = Clinic(home / "warehouse.db")
        self._names: dict[str, str] = {}
        self._sandbox = Sandbox(delay=(3.0, 7.0), on_dial=self._show_dial, on_delivery=self._show_delivery)
        self._airflow = Standalone(
            home,
            dags_folder=example_dags(),
            env={"AIRFLOW_CONN_VOICEINFRA_DEFAULT": _connection(self._sandbox)},
        )
        self._sandbox.webhook_url = f"{self._airflow.url}/voiceinfra/webhook"

    def __enter__(self) -> _Demo:
        self._print("[bold]VoiceInfra demo[/bold]: a real Airflow, a simulated VoiceInfra. No phone rings.\n")
        self._sandbox.start()
        self._print("Starting Airflow: scheduler, triggerer, API server with the webhook receiver …")
        started = time.monotonic()
        self._airflow.start()
        self._print(f"Airflow is up after {time.monotonic() - started:.0f} s at {self._airflow.url}\n")
        return self

    def __exit__(self, *_: object) -> None:
        self._print("\nStopping Airflow …")
        self._airflow.stop()
        self._sandbox.stop()

    def show(self) -> None:
        """Run the DAG and show what happens.

        :raises AirflowError: if a person was not called exactly once, or a call did not complete.
        """
        booked = self._clinic.book_appointments()
        self._print(f"The warehouse has {len(booked)} appointments. Running the DAG {DAG_ID} …")
        run_id = self._airflow.trigger_dag(DAG_ID, conf={"warehouse": str(self._clinic.path)})
        state = self._airflow.wait_for_run(DAG_ID, run_id, timeout=_RUN_TIMEOUT)
        called = self._clinic.appointments(after=booked[0].id - 1)
        self._console.print()
        self._console.print(_table(called))
        dials = Counter((dial.variables or {}).get("name") for dial in self._sandbox.dials)
        problems = [
            f"{each.name} was called {dials[each.name]} times and the outcome is {each.outcome}."
            for each in called
            if dials[each.name] != 1 or each.outcome is None
        ]
        if state != "success":
            problems.append(f"The DAG run ended as {state}: its logs are in {self._airflow.home}")
        if problems:
            raise AirflowError("\n".join(problems))
        self._print(
            f"[green]{len(called)} people, {sum(dials.values())} calls, every one completed; "
            "nobody was called twice.[/green]"
        )

    def stay(self) -> None:
        """Keep Airflow running until Ctrl-C."""
        self._print(
            f"\nOpen [bold]{self._airflow.url}/dags/{DAG_ID}[/bold] to look around. Press Ctrl-C to stop the demo."
        )
        try:
            signal.pause()
        except KeyboardInterrupt:
            return

    def _show_dial(self, dial: Dial) -> None:
        name = str((dial.variables or {}).get("name"))
        self._names[dial.call_id] = name
        self._print(f"  [cyan]calling[/cyan]    {name}")

    def _show_delivery(self, delivery: Delivery) -> None:
        if delivery.acknowledged:
            self._print(f"  [green]completed[/green]  {self._names[delivery.call_id]}")

    def _print(self, text: str) -> None:
        self._console.print(text, soft_wrap=True)


def _table(called: list[Appointment]) -> Table:
    table = Table(title="What the DAG wrote back to the warehouse", title_justify="left", title_style="bold")
    for column in ("person", "outcome", "seconds", "confirmed", "summary"):
        table.add_column(column, justify="right" if column == "seconds" else "left")
    for each in called:
        outcome = each.outcome or "none"
        table.add_row(
            each.name,
            f"[{_COLOURS.get(outcome, 'red')}]{outcome}[/]",
            "" if each.seconds is None else str(each.seconds),
            {1: "yes", 0: "no", None: ""}[each.confirmed],
            each.summary,
        )
    return table


def _connection(sandbox: Sandbox) -> str:
    extra = {
        "agent_id": "agent_sandbox",
        "from_number": "+14155550199",
        "webhook_secret": sandbox.secret,
    }
    return json.dumps({"conn_type": "voiceinfra", "host": sandbox.url, "password": "sandbox-key", "extra": extra})


@contextmanager
def _home(given: str | None) -> Iterator[Path]:
    if given is not None:
        home = Path(given).absolute()
        home.mkdir(parents=True, exist_ok=True)
        yield home
        return
    temporary = Path(tempfile.mkdtemp(prefix="voiceinfra-demo-"))
    try:
        yield temporary
    except AirflowError:
        # Keep its logs, which show the reason.
        raise
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    shutil.rmtree(temporary, ignore_errors=True)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
