"""Once a day, remove what was said in calls that are older than ``[voiceinfra] retention_days``.

Keys and outcomes stay, so that nobody is called again.
"""

from __future__ import annotations

import pendulum
from airflow.sdk import dag, task


@dag(schedule="@daily", start_date=pendulum.datetime(2026, 1, 1, tz="UTC"), catchup=False, tags=["voiceinfra"])
def example_maintenance():
    """Look after the call store."""

    @task.bash
    def purge() -> str:
        return "python -m airflow_provider_voiceinfra store purge"

    @task.bash
    def say_what_is_there() -> str:
        return "python -m airflow_provider_voiceinfra store status"

    purge() >> say_what_is_there()


example_maintenance()
