"""What becomes of a call with each fault that the sandbox knows, in each way of waiting."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_voiceinfra.sandbox import SCENARIOS

# Refused, or lost on the way there: nobody is called, and the task fails.
NOT_CALLED = {"11", "14", "15", "21", "22", "33", "40", "41", "42", "44"}
# Called once, but the completion never comes, or names another number.
NEVER_COMPLETED = {"64", "66"}
# Not sent at all each time, so that Airflow's retries may dial.
RETRIED = {"33"}
SECRETS = ("my secret", "sandbox-key")
WAYS = {"plain": 209, "deferring": 210, "blocking": 212}


@dataclass(frozen=True, slots=True)
class Cell:
    """A fault in a way of waiting."""

    way: str
    code: str

    @property
    def number(self) -> str:
        """A number of its own."""
        return f"+1{WAYS[self.way]}55501{self.code}"

    @property
    def dag_id(self) -> str:
        """The DAG in tests/dags/faults.py."""
        return f"fault_{self.way}"

    @property
    def dials(self) -> int:
        """How often the callee's phone rings."""
        return 0 if self.code in NOT_CALLED else 1

    @property
    def state(self) -> str:
        """How the run ends."""
        fails = self.code in NOT_CALLED or (self.code in NEVER_COMPLETED and self.way != "plain")
        return "failed" if fails else "success"

    @property
    def tries(self) -> int:
        """Of a task that fails; one that succeeds may be retried by Airflow itself on a busy machine."""
        return 3 if self.code in RETRIED else 1

    def check_shows_no_secret(self, log: str) -> None:
        """The log names neither the number nor what the agent is told."""
        for secret in (self.number, self.number[2:], *SECRETS):
            assert secret not in log


def cells(*ways: str) -> list[Cell]:
    """List every fault in some ways of waiting."""
    return [Cell(way, scenario.code) for way in ways for scenario in SCENARIOS]
