"""Claims for many threads at once: what they ask for at the same time is done in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

from airflow_provider_voiceinfra.store.budget import TURN_LENGTH
from airflow_provider_voiceinfra.store.claims import AtFence, Claims
from airflow_provider_voiceinfra.store.errors import StoreRefusesError
from airflow_provider_voiceinfra.store.records import Claim, Held, NewCall
from airflow_provider_voiceinfra.store.rules import Asked, Fence, Refused, Rules

A = TypeVar("A")
R = TypeVar("R")

_AT_ONCE = 50


class GroupedClaims(Claims):
    """Claims whose every step waits for its turn in one thread, which takes all that wait for the same step with it.

    A commit costs the same for one call as for fifty. What a step promises is unchanged: it returns when its
    transaction is committed.

    :param thread: an executor of one thread.
    """

    def __init__(self, claims: Claims, thread: ThreadPoolExecutor) -> None:
        super().__init__(claims.database, claims.environment, claims.guard)
        self._taking = _Group(self.take_all, thread)
        self._at_fence = _Group(self.fence_all, thread)
        self._answered = _Group(self._record, thread)

    def take(self, new: NewCall, rules: Rules = Rules()) -> Claim | Held | Refused:  # noqa: B008 - it is frozen
        """Claim a call, see :meth:`.Claims.take`."""
        return self._taking.ask(Asked(new, rules))

    def fence(
        self,
        claim: Claim,
        new: NewCall,
        rules: Rules = Rules(),  # noqa: B008 - it is frozen
        *,
        turn_length: timedelta = TURN_LENGTH,
    ) -> Fence | Refused | None:
        """Pass the fence, see :meth:`.Claims.fence`."""
        return self._at_fence.ask(AtFence(claim, new, rules, turn_length))

    def record_queued(self, claim: Claim, call_id: str) -> None:
        """Record VoiceInfra's answer, see :meth:`.Claims.record_queued`."""
        self._answered.ask((claim, call_id))

    def _record(self, answers: Sequence[tuple[Claim, str]]) -> list[None]:
        self.record_all_queued(answers)
        return [None] * len(answers)


@contextmanager
def grouped(claims: Claims) -> Iterator[GroupedClaims]:
    """Give the claims to many threads, until the block ends."""
    with ThreadPoolExecutor(1, "voiceinfra-store") as thread:
        yield GroupedClaims(claims, thread)


class _Group(Generic[A, R]):
    """Does for all who wait what each of them asks for.

    :param do: gives a result for each.
    """

    def __init__(self, do: Callable[[Sequence[A]], Sequence[R]], thread: ThreadPoolExecutor) -> None:
        self._do = do
        self._thread = thread
        self._waiting: SimpleQueue[tuple[A, Future[R]]] = SimpleQueue()

    def ask(self, asked: A) -> R:
        """Ask for one, and wait for its result."""
        result: Future[R] = Future()
        self._waiting.put((asked, result))
        self._thread.submit(self._do_all)
        return result.result()

    def _do_all(self) -> None:
        """Do what waits; whoever came later may find it done."""
        waiting = list(self._next())
        if waiting:
            self._answer(waiting)

    def _next(self) -> Iterator[tuple[A, Future[R]]]:
        for _ in range(_AT_ONCE):
            try:
                yield self._waiting.get_nowait()
            except Empty:
                return

    def _answer(self, waiting: Sequence[tuple[A, Future[R]]]) -> None:
        try:
            results = self._do([asked for asked, _ in waiting])
        except StoreRefusesError as error:
            if len(waiting) == 1:
                waiting[0][1].set_exception(error)
                return
            # What the database refuses of one must not keep the others.
            for each in waiting:
                self._answer([each])
        except BaseException as error:  # noqa: BLE001 - whoever waits must be answered
            for _, result in waiting:
                result.set_exception(error)
        else:
            for (_, result), value in zip(waiting, results, strict=True):
                result.set_result(value)
