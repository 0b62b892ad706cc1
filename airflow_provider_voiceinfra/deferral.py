"""Deferring a task to the triggerer: when a worker may resume it, and whether it needs one at all."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator, conf

from airflow_provider_voiceinfra.arguments import wrong
from airflow_provider_voiceinfra.compat import has_listeners, has_post_execute, is_dag_test
from airflow_provider_voiceinfra.completion_wait import CompletionWait

if TYPE_CHECKING:
    from airflow_provider_voiceinfra.store.call_store import CallStore

_XCOM_BACKEND = "airflow.sdk.execution_time.xcom.BaseXCom"

AIRFLOW_GRACE = timedelta(days=7)
"""How long after our deadline Airflow fails a task that still waits: no triggerer has run since."""


@dataclass(frozen=True, slots=True)
class Ending:
    """Describes how a trigger ends a task without a worker, pushing what a worker would push.

    :param shape: ``call`` for the XComs of the operator, ``one`` or ``many`` for those of the sensor.
    """

    shape: str
    fail_on_outcomes: Sequence[str]
    completion_fields: Sequence[str]

    def xcoms(self, store: CallStore, call_ids: tuple[str, ...]) -> dict[str, Any]:
        """Return the XComs of a task whose calls are completed.

        :raises AirflowFailException: if an outcome fails the task.
        """
        results = CompletionWait(store, call_ids, self.fail_on_outcomes, self.completion_fields).results()
        if self.shape == "call":
            return {"return_value": call_ids[0], "completion": results[0]}
        return {"return_value": results[0] if self.shape == "one" else results}

    def serialize(self, task: BaseOperator, end_from_trigger: bool | None) -> dict[str, Any] | None:
        """Return this as plain JSON, for the trigger; None if a worker must end the task."""
        reason = "end_from_trigger=False" if end_from_trigger is False else _worker_reason(task) or _mapped_over(task)
        if reason or is_dag_test():
            task.log.info("A worker ends this task, because of %s.", reason or "dag.test()")
            return None
        return {name: value if isinstance(value, str) else list(value) for name, value in asdict(self).items()}


def check_end_from_trigger(task: BaseOperator, given: bool | None, *, deferrable: bool) -> bool | None:
    """Warn if ``end_from_trigger=True`` has no effect, as far as that is known when the DAG is parsed.

    :return: the value of the attribute. It is never True, because Airflow rejects the DAG file then if a plugin listens
        to task instances.
    :raises TypeError: if it is not True, False or None.
    """
    if given is not None and not isinstance(given, bool):
        raise TypeError(wrong("end_from_trigger", "True, False or None", given))
    if not given:
        return given
    if reason := _worker_reason(task) if deferrable else "deferrable=False":
        warnings.warn(
            f"end_from_trigger=True of {task.task_id!r} has no effect: because of {reason}, a worker ends this task.",
            UserWarning,
            # In the DAG file: the operator's constructor is called by a wrapper of Airflow's.
            stacklevel=4,
        )
    return None


def _worker_reason(task: BaseOperator) -> str | None:
    """Return what needs a worker to end a task, if anything: a trigger can only set its state and push XComs."""
    reasons = {
        "outlets": task.outlets,
        "on_success_callback": task.on_success_callback,
        "post_execute": has_post_execute(task),
        "do_xcom_push=False": not task.do_xcom_push,
        "multiple_outputs": task.multiple_outputs,
        "its own execute_complete": _is_overridden(task, "execute_complete"),
        "[core] xcom_backend": conf.get("core", "xcom_backend") != _XCOM_BACKEND,
        "a plugin that listens to task instances": has_listeners(),
    }
    return next((reason for reason, holds in reasons.items() if holds), None)


def _mapped_over(task: BaseOperator) -> str | None:
    """Return the task that is mapped over the result of a task, which is known only once the DAG is parsed."""
    mapped = next(iter(task.iter_mapped_dependants()), None)
    return None if mapped is None else f"{mapped.node_id}, which is mapped over its result"


def _is_overridden(task: BaseOperator, method: str) -> bool:
    """Return whether a method is not this package's own."""
    module: str = getattr(type(task), method).__module__
    return module.partition(".")[0] != __name__.partition(".")[0]


def time_left(deadline: datetime) -> timedelta:
    """Return the time until a deadline by the store's clock, at least zero.

    May query the store, so do not call it in an event loop.
    """
    from airflow_provider_voiceinfra.config import call_store

    return max(timedelta(0), deadline - call_store().database.clock.now())


def airflow_timeout(deadline: datetime) -> timedelta:
    """Return after which time Airflow fails a deferred task, if its trigger did not fire at our deadline."""
    return time_left(deadline) + AIRFLOW_GRACE


def settle_time() -> timedelta:
    """Return how long a task stays deferred at least before a worker resumes it.

    The scheduler learns from its executor that the first worker has ended. If the task is queued again by then, it
    takes that for the end of the second one, and fails the task (apache/airflow #72716). A worker may notice only
    after ``[workers] min_heartbeat_interval`` (5 s) that its task's process has ended.
    """
    from airflow_provider_voiceinfra.config import deferral_settle_time

    return timedelta(0) if is_dag_test() else deferral_settle_time()


def resume_after() -> str:
    """Return when a task that is deferred now may resume in a worker, in ISO 8601."""
    from airflow_provider_voiceinfra.config import call_store

    return (call_store().database.clock.now() + settle_time()).isoformat()


async def settle(resume_after: str | None) -> None:
    """Wait until a worker may resume the task.

    :param resume_after: see :func:`resume_after`; absolute, so that a restart of the triggerer does not extend it.
    """
    if resume_after is not None:
        left = await asyncio.to_thread(time_left, datetime.fromisoformat(resume_after))
        await asyncio.sleep(left.total_seconds())
