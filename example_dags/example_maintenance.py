"""Once a day, remove what was said in calls that are older than ``[voiceinfra] retention_days``.

Keys and outcomes stay, so that nobody is called again. Calls of other environments of the store stay too. What is of
no environment's calls goes where one of them, which keeps words for longest, adds ``--all-environments``.
"""

from __future__ import annotations

import pendulum
from airflow.sdk import dag, task

from airflow_provider_voiceinfra.cli.parser import main


@dag(schedule="@daily", start_date=pendulum.datetime(2026, 1, 1, tz="UTC"), catchup=False, tags=["voiceinfra"])
def example_maintenance():
    """Look after the call store, by the commands of ``airflow voiceinfra store``."""

    @task
    def purge() -> None:
        if main(["store", "purge"]):
            raise RuntimeError("Nothing was purged; the log above says why.")

    purge()


example_maintenance()
