"""The workers, the asks they have in hand, and what is done to both."""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerProcess

from tests.benchmarks.hammer.agenda import Agenda
from tests.benchmarks.hammer.asks import TRIES, Ask, Found, Plan, asks, is_looked_up, repeats, returns_after
from tests.benchmarks.hammer.strikes import Strike, strikes
from tests.benchmarks.hammer.worker import FAILED, WAITS, End, Told

_LONGEST_WAIT = 0.2


@dataclass(eq=False, slots=True)
class Hand:
    """A worker's process, and what it has in hand."""

    process: ForkServerProcess
    pipe: Connection
    ask: Ask | None = None

    def end(self) -> None:
        """Kill it, whatever it does."""
        self.process.kill()
        self.process.join()
        self.pipe.close()


class Crew:
    """Has every intent tried to its end, while workers are killed and stopped at random moments.

    :param employ: starts a worker.
    :param call_ids: looks in VoiceInfra's call log for the calls of an intent.
    :param happen: called again and again, with the number of tries that have ended.
    """

    def __init__(
        self,
        plan: Plan,
        *,
        employ: Callable[[], Hand],
        call_ids: Callable[[int], list[str]],
        happen: Callable[[int], None],
    ) -> None:
        self.told: list[Told] = []
        self.strikes: Counter[Strike] = Counter()
        self._plan = plan
        self._employ, self._call_ids, self._happen = employ, call_ids, happen
        self._ready = deque(ask for number in range(plan.calls) for ask in asks(plan, number))
        self._returning: Agenda[Told] = Agenda()
        self._striking: Agenda[tuple[Hand, Strike]] = Agenda()
        self._hands: list[Hand] = []

    def run(self) -> None:
        """Return when every ask has come to its end; the workers end in any case."""
        try:
            self._hands = [self._employ() for _ in range(self._plan.processes)]
            while self._ready or self._returning or any(hand.ask for hand in self._hands):
                self._hand_out()
                self._listen()
                for hand, strike in self._striking.due():
                    self._strike(hand, strike)
                for told in self._returning.due():
                    self._ready.append(told.ask.tried_again(self._look_up(told)))
                self._happen(len(self.told))
        finally:
            for hand in self._hands:
                hand.end()

    def _hand_out(self) -> None:
        for hand in self._hands:
            if hand.ask is None and self._ready:
                hand.ask = self._ready.popleft()
                try:
                    hand.pipe.send(hand.ask)
                except ConnectionError:
                    # Killed with nothing in hand: that is seen when it is listened to.
                    continue
                for seconds, strike in strikes(self._plan, hand.ask):
                    self._striking.add(seconds, (hand, strike))

    def _listen(self) -> None:
        by_pipe = {hand.pipe: hand for hand in self._hands}
        for pipe in wait(list(by_pipe), self._striking.seconds_to_next(_LONGEST_WAIT)):
            hand = by_pipe[pipe]
            try:
                told: Told = hand.pipe.recv()
            except (EOFError, OSError):
                self._replace(hand)
            else:
                hand.ask = None
                self._take(told)

    def _take(self, told: Told) -> None:
        self.told.append(told)
        last = told.ask.tries + 1 == TRIES
        if (told.end in FAILED and not last) or (told.end is End.PLACED and repeats(self._plan, told.ask)):
            self._ready.append(told.ask.tried_again())
        if told.end in WAITS and not last and (seconds := returns_after(self._plan, told.ask)) is not None:
            self._returning.add(seconds, told)

    def _look_up(self, told: Told) -> Found | None:
        # Only what was unknown already: who looks while it is being placed may not see it yet.
        if told.end is not End.UNKNOWN or not is_looked_up(self._plan, told.ask):
            return None
        call_ids = self._call_ids(told.ask.number)
        return Found(told.text, call_ids[0] if call_ids else None)

    def _replace(self, hand: Hand) -> None:
        hand.end()
        self._hands[self._hands.index(hand)] = self._employ()
        if hand.ask is not None:
            self._ready.appendleft(hand.ask.taken_over())

    def _strike(self, hand: Hand, strike: Strike) -> None:
        if hand not in self._hands or not hand.process.is_alive():
            return
        os.kill(hand.process.pid, strike.value)
        self.strikes[strike] += 1
        if strike is Strike.STOP and hand.ask is not None:
            # It is thought to be dead, and goes on when another has taken over.
            self._ready.appendleft(hand.ask.taken_over())
