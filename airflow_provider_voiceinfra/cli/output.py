"""Output and errors of the commands of ``airflow voiceinfra``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import datetime
from functools import wraps

from airflow_provider_voiceinfra.errors import InvalidCallError
from airflow_provider_voiceinfra.store.errors import StoreError


def echo(text: str) -> None:
    """Print a line to standard output."""
    sys.stdout.write(f"{text}\n")


def shown_time(time: datetime) -> str:
    """Format a time in UTC."""
    return f"{time:%Y-%m-%d %H:%M:%S}"


def handle_errors(run: Callable[..., None]) -> Callable[..., int]:
    """Turn a function into a command: its expected errors are printed, and the exit status is 1."""

    @wraps(run)
    def command(arguments: object) -> int:
        try:
            run(arguments)
        except (StoreError, InvalidCallError) as error:
            sys.stderr.write(f"{error}\n")
            return 1
        return 0

    return command
