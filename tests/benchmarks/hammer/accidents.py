"""What happens to the parts that all workers share: the receiver is killed, the database drops its connections."""

from __future__ import annotations

import time

import sqlalchemy as sa

from airflow_provider_voiceinfra.store.call_store import CallStore
from tests.benchmarks.hammer.asks import Plan
from tests.benchmarks.hammer.services import ReceiverProcess

_LONGEST_ABSENCE = 2.0
_CUT = sa.text(
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


class Accidents:
    """Lets these happen after so many tries as the seed draws.

    :param store: whose connections are dropped where it is a server; a file cannot do that.
    """

    def __init__(self, plan: Plan, receiver: ReceiverProcess, store: CallStore) -> None:
        chance = plan.chance("accidents")
        often = max(2, plan.calls // 1500)
        self.receiver_kills = 0
        self.cuts = 0
        self._kill_at = sorted((chance.randrange(plan.calls) for _ in range(often)), reverse=True)
        self._cut_at = sorted((chance.randrange(plan.calls) for _ in range(4 * often)), reverse=True)
        self._absences = [chance.uniform(0.0, _LONGEST_ABSENCE) for _ in range(often)]
        self._back_at: float | None = None
        self._receiver, self._store = receiver, store

    def happen(self, tries: int) -> None:
        """Let happen what is due; the receiver is started again when it was away for long enough.

        :param tries: how many have come to an end.
        """
        if self._back_at is None and self._kill_at and tries >= self._kill_at[-1]:
            self._kill_at.pop()
            self._receiver.kill()
            self.receiver_kills += 1
            self._back_at = time.monotonic() + self._absences.pop()
        if self._back_at is not None and time.monotonic() > self._back_at:
            self.repair()
        if self._cut_at and tries >= self._cut_at[-1]:
            self._cut_at.pop()
            self._cut()

    def repair(self) -> None:
        """Leave the receiver running."""
        if self._back_at is not None:
            self._back_at = None
            self._receiver.start()

    def _cut(self) -> None:
        if not self._store.database.is_sqlite:
            with self._store.database.read() as tx:
                self.cuts += tx.scalar(_CUT) or 0
