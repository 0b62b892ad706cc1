"""Once a day, purge the content of calls that are older than ``[voiceinfra] retention_days``.

Keys and outcomes stay, so that nobody is called again. Calls of the store's other environments stay too. To purge data
that belongs to no environment, add ``--all-environments`` in the environment with the longest retention.
"""

from __future__ import annotations

import pendulum
from airflow.sdk import dag, task

from airflow_provider_voiceinfra.cli.parser import main


@dag(schedule="@daily", start_date=pendulum.datetime(2026, 1, 1, tz="UTC"), catchup=False, tags=["voiceinfra"])
def example_maintenance():
    """Maintain the call store with the commands of ``airflow voiceinfra store``."""

    @task
    def purge() -> None:
        if main(["store", "purge"]):
            raise RuntimeError("Nothing was purged: see the log above.")

    purge()


example_maintenance()
