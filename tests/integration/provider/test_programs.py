"""What a Python that has just been started loads of this package, and the commands that it has."""

from __future__ import annotations

import subprocess
import sys

import pytest

from airflow_provider_voiceinfra.cli.commands import COMMANDS

LOADED = """
import sys
from airflow.sdk import DAG, BaseOperator, BaseSensorOperator, conf
before = set(sys.modules)
import airflow_provider_voiceinfra.decorators.outbound_call
import airflow_provider_voiceinfra.notifications.voiceinfra
import airflow_provider_voiceinfra.operators.call_list
import airflow_provider_voiceinfra.sensors.call_completion
import airflow_provider_voiceinfra.transfers.calls_to_sql
print(*(set(sys.modules) - before))
"""


def test_parsing_a_dag_file_loads_nothing_that_is_slow():
    output = subprocess.run([sys.executable, "-c", LOADED], check=True, capture_output=True, text=True).stdout
    loaded = output.splitlines()[-1].split()
    slow = ("sqlalchemy", "fastapi", "starlette", "alembic", "phonenumbers", "requests", "uvicorn")
    assert not {name for name in loaded if name.split(".")[0] in slow}
    # It would load SQLAlchemy, if Airflow had not.
    assert "airflow_provider_voiceinfra.store.schema" not in loaded


def test_importing_the_package_loads_nothing_else():
    """Its version is read by many tools; what it brings is described in a module of its own."""
    loaded = (
        "import sys; before = set(sys.modules); import airflow_provider_voiceinfra; print(set(sys.modules) - before)"
    )
    output = subprocess.run([sys.executable, "-c", loaded], check=True, capture_output=True, text=True).stdout
    assert output == "{'airflow_provider_voiceinfra'}\n"


@pytest.mark.parametrize("program", [["-m", "airflow_provider_voiceinfra"], ["-m", "airflow", "voiceinfra"]])
def test_the_commands_are_there_with_and_without_airflows_command_line(program):
    shown = subprocess.run([sys.executable, *program, "--help"], check=True, capture_output=True, text=True)
    for command in COMMANDS:
        assert command.name in shown.stdout
