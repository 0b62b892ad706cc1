"""A DAG of the tests: tasks that use what ``compat`` takes from Airflow's private API."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from airflow.sdk import DAG, get_current_context, task

from airflow_provider_voiceinfra.compat import MappedArguments, RenderHookOperator, push_xcoms

PUSHED = {"call_id": "call_1", "duration_seconds": 41.5, "extracted": {"date": None}}


class Recorder(RenderHookOperator):
    """Returns which of its fields Airflow wants rendered, and which of them the DAG file gives."""

    template_fields = ("words", "place")

    def __init__(self, *, words: Any = None, place: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.words = words
        self.place = place

    def render_fields(self, names: Iterable[str], context: Any) -> None:
        arguments = MappedArguments(self, context)
        self.seen = {name: arguments.is_template(name, getattr(self, name)) for name in names}

    def execute(self, context: Any) -> dict[str, bool]:
        return self.seen


@task
def data() -> list[str]:
    return ["{{ from_data }}"]


@task
def push() -> None:
    ti = get_current_context()["ti"]
    ti.xcom_push(key="by_worker", value=PUSHED)
    push_xcoms(ti, {"by_trigger": PUSHED})


with DAG("private_api", schedule=None) as dag:
    Recorder(task_id="plain", words="{{ ds }}", place="{{ ds }}")
    Recorder.partial(task_id="over_data", place="{{ ds }}").expand(words=data())
    Recorder.partial(task_id="over_literals", place="{{ ds }}").expand(words=["{{ ds }}"])
    push()
