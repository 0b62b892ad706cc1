"""Writing deliveries to the store: in a thread of this process, or in a process of its own."""

from __future__ import annotations

import asyncio
import pickle
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.store.delivery import Delivery
from airflow_provider_voiceinfra.store.errors import StoreError
from airflow_provider_voiceinfra.store.records import DeliveryResult
from airflow_provider_voiceinfra.webhook import writer_process


class Writer(Protocol):
    """Writes deliveries to the store, one batch at a time."""

    async def start(self) -> None:
        """Prepare, so that the first batch does not wait for it."""

    async def keep(self, deliveries: Sequence[Delivery]) -> list[DeliveryResult]:
        """Keep deliveries in one commit.

        :raises StoreError: if the store cannot be used.
        """

    async def close(self) -> None:
        """Let go of what it holds."""


class ThreadWriter:
    """Writes in a thread: for a receiver inside another server, such as Airflow's."""

    def __init__(self, store: CallStore) -> None:
        self._store = store
        # One: a store that hangs is waited for once.
        self._thread = ThreadPoolExecutor(1, "voiceinfra-writer")

    async def start(self) -> None:
        """Do nothing: a thread is there at once."""

    async def keep(self, deliveries: Sequence[Delivery]) -> list[DeliveryResult]:
        """Keep deliveries in one commit."""
        work = asyncio.get_running_loop().run_in_executor(self._thread, self._store.deliveries.keep, deliveries)
        # A thread cannot be stopped; what it does may be done twice.
        return await asyncio.shield(work)

    async def close(self) -> None:
        """Wait for nobody."""
        self._thread.shutdown(wait=False)


class ProcessWriter:
    """Writes in a process of its own, so that answering and writing share no interpreter.

    It ends when its standard input does, in whatever way this process ends. While it is not there, or hangs, the
    store counts as away.

    :param options: with which it opens the store.
    """

    def __init__(self, store: CallStore, options: Mapping[str, Any]) -> None:
        self._settings = (store.database.url.render_as_string(hide_password=False), dict(options))
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start the process, which then gets ready by itself."""
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", writer_process.__name__),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        # Not among its arguments, which everybody on the host can read.
        await _write(self._process, self._settings)

    async def keep(self, deliveries: Sequence[Delivery]) -> list[DeliveryResult]:
        """Keep deliveries in one commit."""
        try:
            if self._process is None:
                await self.start()
            assert self._process is not None  # noqa: S101 - it was started
            await _write(self._process, list(deliveries))
            answer = await _read(self._process)
        except (OSError, asyncio.IncompleteReadError):
            await self._kill()
            raise StoreError("The process that writes to the call store has died; it is started again.") from None
        except asyncio.CancelledError:
            await self._kill()
            raise
        if isinstance(answer, str):
            raise StoreError(answer)
        return answer

    async def close(self) -> None:
        """End it."""
        await self._kill()

    async def _kill(self) -> None:
        if self._process is not None:
            process, self._process = self._process, None
            if process.returncode is None:
                process.kill()
            await process.wait()


async def _write(process: asyncio.subprocess.Process, message: object) -> None:
    assert process.stdin is not None  # noqa: S101 - a pipe
    process.stdin.write(writer_process.packed(message))
    await process.stdin.drain()


async def _read(process: asyncio.subprocess.Process) -> list[DeliveryResult] | str:
    assert process.stdout is not None  # noqa: S101 - a pipe
    size = int.from_bytes(await process.stdout.readexactly(writer_process.SIZE))
    answer: list[DeliveryResult] | str = pickle.loads(await process.stdout.readexactly(size))  # noqa: S301 - our own process
    return answer
