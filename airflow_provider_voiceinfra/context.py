"""What a task's context says about the task that places a call."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.sdk import Context

from airflow_provider_voiceinfra.calls.stop import StopFlag
from airflow_provider_voiceinfra.store.errors import StoreError
from airflow_provider_voiceinfra.store.models import Source

if TYPE_CHECKING:
    from airflow_provider_voiceinfra.store.call_store import CallStore

_STATE_KEY = "voiceinfra_call_store"
_STOP = "_voiceinfra_stop"


def task_source(context: Context) -> Source:
    """Describe the running task instance and its generation, which changes when it is cleared."""
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
    """Return 0 before the first clear of the task, then a number that grows with each clear."""
    ti = context["ti"]
    return max(0, ti.max_tries - (ti.task.retries or 0))


def upstream_states(context: Context) -> str:
    """Describe how the upstream tasks of the running task ended, as a sentence for its error; empty without any."""
    ti, found = context["ti"], []
    for task_id in sorted(ti.task.upstream_task_ids):
        states = ti.get_task_states(dag_id=ti.dag_id, task_ids=[task_id], run_ids=[ti.run_id])
        counts = Counter(str(state) for of_run in states.values() for state in of_run.values())
        counted = (state if counts.total() == 1 else f"{count} {state}" for state, count in sorted(counts.items()))
        found.append(f"{task_id!r} ({', '.join(counted)})")
    return f" Upstream tasks of this run: {', '.join(found)}." if found else ""


def stop_of_task(context: Context) -> StopFlag:
    """Return the flag that is set once Airflow stops the running task.

    At SIGTERM, Airflow only calls ``on_kill`` of the task's operator. Where the operator is not from this package, its
    ``on_kill`` is wrapped, so that a loop of calls in a task also stops when the signal arrives between two calls.
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
    """Identify the run by its logical date if it has one, because a run that is recreated has another id."""
    date = context.get("logical_date")
    if date is None:
        return context["ti"].run_id
    return datetime.fromtimestamp(date.timestamp(), tz=UTC).isoformat()


def remember_store(context: Context, store: CallStore) -> None:
    """Check that all tries and clears of a task use the same call store and environment.

    A try in another pod may find another, newly created store that does not know the earlier calls. Airflow 3.2 has no
    state that survives tries; there, only a missing store is detected.

    :raises StoreError: if an earlier try used another store.
    """
    state = context.get("task_state_store")
    if state is None:
        return
    known, present = state.get(_STATE_KEY), f"{store.id()}/{store.environment}"
    if known is None:
        state.set(_STATE_KEY, present)
    elif known != present:
        raise StoreError(
            "This is not the call store that an earlier try of this task used, so it does not know whether the call "
            "was placed. Set [voiceinfra] call_store to the same database, and [voiceinfra] environment to the same "
            "value, on every worker. Nothing was dialled."
        )
