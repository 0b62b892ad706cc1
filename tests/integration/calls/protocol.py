"""Several owners who place calls, interleaved at each statement that the store's database gets.

Each owner runs the package's own ``Dialer`` on the package's own store, in a greenlet that stops before every
statement, before the POST, and before every nap. Whoever steps them decides who goes on, what the POST meets, who is
killed and how time passes. SQLite lets one of them write at a time: the others wait at their BEGIN, as in reality.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import sqlalchemy as sa
from greenlet import GreenletExit, getcurrent, greenlet

from airflow_provider_voiceinfra.calls import recorder, send_gate, sending
from airflow_provider_voiceinfra.calls.dialing import Dialer
from airflow_provider_voiceinfra.calls.retry import RetryPolicy
from airflow_provider_voiceinfra.calls.stop import StopFlag
from airflow_provider_voiceinfra.errors import (
    AnswerUnknownError,
    CallNotSentError,
    RequestInvalidError,
    VoiceInfraError,
)
from airflow_provider_voiceinfra.store import clock
from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.store.errors import StoreError
from airflow_provider_voiceinfra.store.inbox.delivery import Delivery
from airflow_provider_voiceinfra.store.models import Call
from tests.support.call_samples import account, intent
from tests.support.store_samples import body

_FAST_DISK = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None

_VALID_PERMIT = send_gate.SendGate._valid_permit

FATES = ("taken", "taken, answer lost", "answer lost", "not sent", "refused")


class Clock(datetime):
    """A clock that stands until it is moved."""

    at = datetime(2026, 11, 23, 12, tzinfo=UTC)

    @classmethod
    def now(cls, tz: Any = None) -> datetime:
        return cls.at


class Owner(greenlet):
    """One try to place a call."""

    def __init__(self, world: World, key: str) -> None:
        super().__init__(self._place)
        self.world, self.key = world, key
        self.waits_for, self.fate = "start", ""
        self.killed = False
        self.connections: list[Any] = []
        self.store = world.open_store()
        engine = self.store.database.engine
        sa.event.listen(engine, "before_cursor_execute", self._statement)
        sa.event.listen(engine, "commit", self._over)
        sa.event.listen(engine, "rollback", self._over)
        sa.event.listen(engine, "checkout", lambda raw, *_: self.connections.append(raw))

    def _place(self) -> None:
        dialer = Dialer(self.store, account(), api=self, retry=RetryPolicy(attempts=2, base=0))  # type: ignore[arg-type]
        with contextlib.suppress(VoiceInfraError, GreenletExit):
            dialer.place(intent(self.key), settle_wait=0)

    def place_call(self, request: Any, *, gate: Any) -> str:
        """Be VoiceInfra, as far as this owner sees it."""
        gate()
        if self.fate.startswith("taken"):
            self.world.dials.append((self.key, f"call-{len(self.world.dials) + 1}"))
        if self.fate == "taken":
            return self.world.dials[-1][1]
        if self.fate == "not sent":
            raise CallNotSentError("no connection")
        if self.fate == "refused":
            raise RequestInvalidError(400, "validation_error", "no", "fix it")
        raise AnswerUnknownError("the connection was lost")

    def _statement(self, _connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        self._pause(statement)

    def _pause(self, what: str) -> None:
        if getcurrent() is not self:  # another's look at this store, or the end of the test
            return
        self.waits_for = what
        self.world.main.switch()
        if self.killed:
            raise GreenletExit
        if what == "BEGIN IMMEDIATE":
            self.world.writer = self

    def _over(self, _connection: Any) -> None:
        if self.world.writer is self:
            self.world.writer = None

    @property
    def can_go_on(self) -> bool:
        """Whether it is neither over nor waiting for another's transaction."""
        blocked = self.waits_for == "BEGIN IMMEDIATE" and self.world.writer is not None
        return not self.dead and not self.killed and not blocked

    def step(self, fate: str = "taken") -> None:
        """Let it do what it waits for, up to the next statement."""
        self.fate = fate
        self.switch()

    def kill(self) -> None:
        """End it as SIGKILL does: nothing of it runs any more, and its transaction is rolled back."""
        self.killed = True
        for raw in self.connections:
            with contextlib.suppress(Exception):
                raw.rollback()
        self._over(None)


class _Inline:
    """Sends in the owner's own greenlet."""

    def __init__(self, *_: object) -> None:
        pass

    def submit(self, send: Callable[..., Any], *args: Any) -> Future[Any]:
        """Send, and give the answer."""
        answer: Future[Any] = Future()
        try:
            answer.set_result(send(*args))
        except Exception as error:  # noqa: BLE001 - the owner gets it
            answer.set_exception(error)
        return answer


def _permit_then_pause(gate: send_gate.SendGate) -> Any:
    """Let time pass, or others go on, between a send permit and the first byte."""
    permit = _VALID_PERMIT(gate)
    owner = getcurrent()
    if isinstance(owner, Owner):
        owner._pause("POST")
    return permit


class World:
    """The store, VoiceInfra's log of accepted calls, and all who place calls."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.main = getcurrent()
        self.stores: list[CallStore] = []
        self.store = self.open_store()
        self.owners: list[Owner] = []
        self.writer: Owner | None = None
        self.dials: list[tuple[str, str]] = []

    def open_store(self) -> CallStore:
        """Open the store as another process."""
        self.stores.append(CallStore(self.url))
        return self.stores[-1]

    def start(self, key: str) -> Owner:
        """Let somebody try to place the call of a key."""
        self.owners.append(Owner(self, key))
        return self.owners[-1]

    def deliver(self, call_id: str) -> None:
        """Let VoiceInfra's webhook bring the completion of a call."""
        request = intent("any").request
        party = {
            "agent_id": request.agent_id,
            "from_number": request.from_number,
            "to_number": request.to_number,
            "start_time": Clock.at.isoformat(),
        }
        content = body(call_id, **party)
        self.store.deliveries.keep([Delivery.read("voiceinfra_default", Clock.at, content)])

    def look(self) -> None:
        """Let those who wait look at all calls."""
        self.store.claims.settled([call.ref for call in self.store.calls.iterate()])

    def look_up(self, call: Call) -> None:
        """Let a person find an unknown call in VoiceInfra's call log, or not, and say so."""
        placed = [call_id for key, call_id in self.dials if key == call.idempotency_key]
        with contextlib.suppress(StoreError):
            if placed:
                self.store.resolutions.placed(call.ref, placed[0], actor="ada")
            else:
                self.store.resolutions.not_placed(call.ref, actor="ada")

    def finish(self) -> None:
        """Let all come to their end, and the claims of the dead grow old."""
        while moving := [owner for owner in self.owners if owner.can_go_on]:
            moving[0].step()
        Clock.at += timedelta(minutes=2)
        self.look()

    def check_nobody_is_called_twice(self) -> None:
        """The promise."""
        assert max(Counter(key for key, _ in self.dials).values(), default=0) <= 1, self.dials

    def check_no_call_is_lost(self) -> None:
        """Each call that VoiceInfra took is known by its id, or reported as unknown."""
        calls = list(self.store.calls.iterate())
        for key, call_id in self.dials:
            found = [call for call in calls if call.idempotency_key == key]
            assert any(call.call_id == call_id or call.state == "unknown" for call in found), (key, call_id, found)
            assert not any(call.call_id not in {None, call_id} for call in found), (key, call_id, found)

    def close(self) -> None:
        """Forget everything."""
        for owner in self.owners:
            if not owner.dead:
                owner.kill()
        for store in self.stores:
            store.close()


@contextlib.contextmanager
def world(url: str) -> Iterator[World]:
    """Make a world whose clock stands."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(mock.patch.object(clock, "datetime", Clock))
        stack.enter_context(mock.patch.object(recorder.time, "sleep", return_value=None))
        stack.enter_context(mock.patch.object(StopFlag, "sleep", return_value=None))
        stack.enter_context(mock.patch.object(sending, "ThreadPoolExecutor", _Inline))
        stack.enter_context(mock.patch.object(send_gate.SendGate, "_valid_permit", _permit_then_pause))
        stack.enter_context(mock.patch.object(Clock, "at", Clock.at))
        made = World(url)
        try:
            yield made
        finally:
            made.close()


@contextlib.contextmanager
def new_world(template: Path) -> Iterator[World]:
    """Make a world with an empty store.

    :param template: an SQLite file that holds one.
    """
    with tempfile.TemporaryDirectory(dir=_FAST_DISK) as folder:
        shutil.copy(template, f"{folder}/store.db")
        with world(f"sqlite:///{folder}/store.db") as made:
            yield made
