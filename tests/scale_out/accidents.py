"""One of each is killed, in turn, while a list is called."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from airflow_provider_voiceinfra.sandbox import Sandbox
from tests.scale_out.cluster import Cluster

AWAY = 5.0
"""Seconds after which a part is started again that no other one takes over from."""
SOME = 10
"""Dials, or webhooks: after so many, others are on their way."""


@dataclass(frozen=True, slots=True)
class Accident:
    """What was killed, when, and when it was there again."""

    what: str
    at: datetime
    back_at: datetime


class Accidents:
    """Kills one of each when so much of the list is dialled, and starts it again.

    :param task: gives the list's task, as Airflow knows it.
    :param until: waits until something is so, and tends the cluster meanwhile.
    """

    def __init__(
        self,
        cluster: Cluster,
        sandbox: Sandbox,
        task: Callable[[], dict[str, object]],
        until: Callable[[Callable[[], bool]], None],
    ) -> None:
        self._cluster = cluster
        self._sandbox = sandbox
        self._task = task
        self._until = until

    def happen(self, rows: int) -> list[Accident]:
        """Let one after the other happen, evenly over the dialling."""
        kinds = (
            self._dialling_worker,
            self._waiting_triggerer,
            lambda: self._only("receiver-1", self._taken),
            lambda: self._only("nginx", self._taken),
            lambda: self._only("scheduler", self._dialled),
            lambda: self._only("api-server", self._dialled),
            lambda: self._only("redis", self._dialled),
            lambda: self._postgres(self._dialled, "permitted"),
            lambda: self._postgres(self._taken, "webhooks"),
        )
        return [self._happen(kind, number * rows // (len(kinds) + 1)) for number, kind in enumerate(kinds, 1)]

    def _happen(self, kind: Callable[[], AbstractContextManager[str]], dials: int) -> Accident:
        self._until(lambda: self._dialled() >= dials)
        with kind() as what:
            at = datetime.now(UTC)
            print(f"{at:%H:%M:%S}  killed: {what}", flush=True)
        return Accident(what, at, datetime.now(UTC))

    @contextmanager
    def _dialling_worker(self) -> Iterator[str]:
        self._amid(self._dialled)
        name = str(self._task()["hostname"])
        self._cluster.kill(name)
        yield f"{name}, which was dialling"
        self._other_goes_on(name)

    @contextmanager
    def _waiting_triggerer(self) -> Iterator[str]:
        self._until(lambda: self._triggerer() is not None)
        name = str(self._triggerer())
        self._cluster.kill(name)
        yield f"{name}, which held the list's trigger"
        self._other_goes_on(name)

    @contextmanager
    def _only(self, name: str, count: Callable[[], int]) -> Iterator[str]:
        self._amid(count)
        self._cluster.kill(name)
        yield name
        self._wait(AWAY)
        self._cluster.start_again(name)

    @contextmanager
    def _postgres(self, count: Callable[[], int], amid: str) -> Iterator[str]:
        self._amid(count)
        with self._cluster.postgres.crashed():
            yield f"PostgreSQL, amid {amid}"
            self._wait(AWAY)

    def _dialled(self) -> int:
        return len(self._sandbox.dials)

    def _taken(self) -> int:
        return sum(delivery.acknowledged for delivery in self._sandbox.deliveries)

    def _amid(self, count: Callable[[], int]) -> None:
        """Wait until more come: others are on their way then."""
        some = count() + SOME
        self._until(lambda: count() >= some)

    def _triggerer(self) -> object:
        task = self._task()
        job = task["triggerer_job"] if task["state"] == "deferred" else None
        return job["hostname"] if isinstance(job, dict) else None

    def _other_goes_on(self, name: str) -> None:
        """Leave a part away until the other one of its kind has taken over; then start it again."""
        # What was on its way has come by then.
        self._wait(1.0)
        dials = self._dialled()
        self._until(lambda: self._dialled() > dials)
        self._cluster.start_again(name)

    def _wait(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        self._until(lambda: time.monotonic() > end)
