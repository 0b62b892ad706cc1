"""Reads from the log of ``airflow standalone`` how late the scheduler notes that a worker has deferred its task.

A task that is queued again before that is failed by Airflow (apache/airflow #72716).
"""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

_TIME, _TASK = re.compile(r"(\d{4}-\d\d-\d\dT[\d:.]+)Z"), re.compile(r"ti_id=([0-9a-f-]{36})")


def seconds_until_noted(log: Path) -> list[float]:
    """Return the seconds from each deferral until the scheduler has handled its executor's event, in order."""
    deferred: dict[str, datetime] = {}
    seconds: list[float] = []
    for line in log.read_text(errors="replace").splitlines():
        time, task = _TIME.search(line), _TASK.search(line)
        if time is None or task is None:
            continue
        at = datetime.fromisoformat(time[1])
        if "new_state=deferred" in line:
            deferred[task[1]] = at
        elif "TaskInstance Finished" in line and task[1] in deferred:
            seconds.append((at - deferred.pop(task[1])).total_seconds())
    return sorted(seconds)
