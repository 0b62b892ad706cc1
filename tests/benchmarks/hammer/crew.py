"""The workers, the asks they have in hand, and what is done to them."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerProcess

from tests.benchmarks.hammer.asks import TRIES, Ask, Plan, asks, asks_again
from tests.benchmarks.hammer.strikes import Strike, Strikes
from tests.benchmarks.hammer.worker import MAY_BE_TRIED_AGAIN, End, Told

_LONGEST_WAIT = 0.5


@dataclass(eq=False, slots=True)
class Worker:
    """A process, and what it has in hand."""

    process: ForkServerProcess
    pipe: Connection
    ask: Ask | None = None

    def end(self) -> None:
        """Kill it, whatever it does."""
        self.process.kill()
        self.process.join()
        self.pipe.close()


class Crew:
    """Lets workers try every intent to its end, while they are killed and stopped at random moments.

    :param employ: starts a worker.
    :param happen: called again and again, with the number of tries that have ended.
    """

    def __init__(self, plan: Plan, employ: Callable[[], Worker], happen: Callable[[int], None]) -> None:
        self.told: list[Told] = []
        self.kills = 0
        self.stops = 0
        self._plan = plan
        self._employ = employ
        self._happen = happen
        self._waiting = deque(ask for number in range(plan.calls) for ask in asks(plan, number))
        self._workers: list[Worker] = []
        self._strikes = Strikes(plan)

    def run(self) -> None:
        """Return when every ask has come to its end; the workers end in any case."""
        try:
            self._workers = [self._employ() for _ in range(self._plan.processes)]
            while self._waiting or any(worker.ask for worker in self._workers):
                self._hand_out()
                self._listen()
                for worker, strike in self._strikes.due():
                    self._strike(worker, strike)
                self._happen(len(self.told))
        finally:
            for worker in self._workers:
                worker.end()

    def _hand_out(self) -> None:
        for worker in self._workers:
            if worker.ask is None and self._waiting:
                worker.ask = self._waiting.popleft()
                try:
                    worker.pipe.send(worker.ask)
                except ConnectionError:
                    # It was killed with nothing in hand; it is noticed when it is listened to.
                    continue
                self._strikes.plan_for(worker, worker.ask)

    def _listen(self) -> None:
        by_pipe = {worker.pipe: worker for worker in self._workers}
        for pipe in wait(list(by_pipe), self._strikes.seconds_to_next(_LONGEST_WAIT)):
            worker = by_pipe[pipe]
            try:
                told: Told = worker.pipe.recv()
            except (EOFError, OSError):
                self._replace(worker)
            else:
                worker.ask = None
                self._take(told)

    def _take(self, told: Told) -> None:
        self.told.append(told)
        once_more = told.end is End.PLACED and told.ask.turn == 0 and asks_again(self._plan, told.ask)
        if (told.end in MAY_BE_TRIED_AGAIN and told.ask.tries + 1 < TRIES) or once_more:
            self._waiting.append(told.ask.tried_again())

    def _replace(self, worker: Worker) -> None:
        worker.end()
        self._workers[self._workers.index(worker)] = self._employ()
        if worker.ask is not None:
            self._waiting.appendleft(worker.ask.taken_over())

    def _strike(self, worker: Worker, strike: Strike) -> None:
        if worker not in self._workers or not worker.process.is_alive():
            return
        os.kill(worker.process.pid, strike.value)
        match strike:
            case Strike.KILL:
                self.kills += 1
            case Strike.STOP:
                self.stops += 1
                if worker.ask is not None:
                    # Thought to be dead, it goes on when another has taken over.
                    self._waiting.appendleft(worker.ask.taken_over())
                self._strikes.go_on_later(worker)
