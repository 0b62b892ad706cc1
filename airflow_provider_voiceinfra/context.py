"""What a task's context says about who asks for a call."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.sdk import Context

from airflow_provider_voiceinfra.calls.stop import StopFlag
from airflow_provider_voiceinfra.store.errors import StoreError
from airflow_provider_voiceinfra.store.models import Source

if TYPE_CHECKING:
    from airflow_provider_voiceinfra.store.call_store import CallStore

_MEMORY = "voiceinfra_call_store"
_STOP = "_voiceinfra_stop"


def task_source(context: Context) -> Source:
    """Name the task instance that runs, and its generation: how often it was cleared."""
    ti = context["ti"]
    return Source(
        dag_id=ti.dag_id,
        run_id=ti.run_id,
        logical_run=_logical_run(context),
        task_id=ti.task_id,
        map_index=-1 if ti.map_index is None else ti.map_index,
        generation=ti.max_tries,
    )


def clear_count(context: Context) -> int:
    """Tell one clear of the task from another: 0 before the first, then a number that grows with each."""
    ti = context["ti"]
    return max(0, ti.max_tries - (ti.task.retries or 0))


def stop_of_task(context: Context) -> StopFlag:
    """Give the flag that is set once Airflow stops the task that runs.

    At SIGTERM, Airflow calls ``on_kill`` of the task's operator and does nothing else. An operator that is not ours
    gets ours before its own: so that a loop in a task stops, too, where the signal comes between two of its calls.
    """
    task: Any = context["ti"].task
    known = vars(task).get(_STOP)
    if isinstance(known, StopFlag):
        return known
    stop, on_kill = StopFlag(), task.on_kill

    def stop_and_kill() -> None:
        stop.set()
        on_kill()

    vars(task).update({_STOP: stop, "on_kill": stop_and_kill})
    return stop


def _logical_run(context: Context) -> str:
    """Name the run: by its logical date where it has one, because a run that is made anew has another id."""
    date = context.get("logical_date")
    if date is None:
        return context["ti"].run_id
    return datetime.fromtimestamp(date.timestamp(), tz=UTC).isoformat()


def remember_store(context: Context, store: CallStore) -> None:
    """Make sure that all tries and clears of a task use the same call store, and the same environment in it.

    A try in another pod may find another store, freshly made, that does not know who was called. Airflow 3.2 remembers
    nothing across tries; there a store that is missing is noticed all the same.

    :raises StoreError: if an earlier try used another store.
    """
    memory = context.get("task_state_store")
    if memory is None:
        return
    known, present = memory.get(_MEMORY), f"{store.id()}/{store.environment}"
    if known is None:
        memory.set(_MEMORY, present)
    elif known != present:
        raise StoreError(
            "This is not the call store that an earlier try of this task used, so it does not know whether the call "
            "was placed. Let [voiceinfra] call_store name the same database on every worker, and [voiceinfra] "
            "environment be the same. Nothing was dialled."
        )
