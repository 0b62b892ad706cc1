"""What the commands of ``airflow voiceinfra`` do; ``cli`` describes them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps

from airflow_provider_voiceinfra.store.errors import StoreError


def echo(text: str) -> None:
    """Print for a person, or for the next program."""
    sys.stdout.write(f"{text}\n")


def handle_errors(run: Callable[..., None]) -> Callable[..., int]:
    """Make a command of a function: what is wrong with the store is told in a sentence, and is its exit status."""

    @wraps(run)
    def command(arguments: object) -> int:
        try:
            run(arguments)
        except StoreError as error:
            sys.stderr.write(f"{error}\n")
            return 1
        return 0

    return command
