"""DAGs of the tests: users' own operators, which set fields of the call while they run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from airflow.sdk import DAG

from airflow_provider_voiceinfra.calls.redial import Redial
from airflow_provider_voiceinfra.operators.call_list import OutboundCallListOperator
from airflow_provider_voiceinfra.operators.outbound_call import OutboundCallOperator

NUMBER, VOICEMAIL, OTHER = "+12125550100", "+12125550101", "+13105550100"
WORDS = "owes us 4711 dollars"


class AddsField(OutboundCallOperator):
    template_fields: Sequence[str] = (*OutboundCallOperator.template_fields, "greeting")

    def __init__(self, *, greeting: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.greeting = greeting

    def execute(self, context: Any) -> str:
        self.first_message = f"{self.greeting}, {self.rendered_fields()['context']}"
        return super().execute(context)


class SetsBefore(OutboundCallOperator):
    def pre_execute(self, context: Any) -> None:
        self.to_number, self.context, self.variables = NUMBER, WORDS, {"name": WORDS}


class SetsNumber(OutboundCallOperator):
    def execute(self, context: Any) -> str:
        self.to_number = VOICEMAIL
        return super().execute(context)


class ReadsMasked(OutboundCallOperator):
    def execute(self, context: Any) -> str:
        self.variables = {**(self.variables or {}), "more": 1}
        return super().execute(context)


class SetsRows(OutboundCallListOperator):
    def pre_execute(self, context: Any) -> None:
        self.calls = [{"to_number": NUMBER}]
        self.first_message = WORDS


def set_before(context: Any) -> None:
    context["task"].to_number = NUMBER


def adds_field() -> None:
    AddsField(task_id="call", to_number=NUMBER, greeting="Hello on {{ ds }}", context=WORDS)


def sets_before() -> None:
    SetsBefore(task_id="call", to_number=OTHER, context="{{ ds }}")


def sets_before_by_argument() -> None:
    OutboundCallOperator(task_id="call", to_number=OTHER, pre_execute=set_before)


def sets_number() -> None:
    SetsNumber(task_id="call", to_number=OTHER, deferrable=True, redial=Redial(attempts=2, wait=timedelta(0)))


def reads_masked() -> None:
    ReadsMasked(task_id="call", to_number=NUMBER, variables={"name": "Sarah"})


def sets_rows() -> None:
    SetsRows(task_id="call", calls=[{"to_number": OTHER}])


def make_dag(way: Callable[[], None], **options: Any) -> DAG:
    """Make a DAG with one of these operators."""
    with DAG(f"subclass_{way.__name__}", schedule=None, **options) as dag:
        way()
    return dag


WAYS = (adds_field, sets_before, sets_before_by_argument, sets_number, reads_masked, sets_rows)
for way in WAYS:
    globals()[way.__name__ + "_dag"] = make_dag(way)
