"""DAGs of the tests: call fields whose values come as data, from other tasks, beside those that stand in the DAG."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from airflow.sdk import DAG, task, task_group

from airflow_provider_voiceinfra.operators.call_list import OutboundCallListOperator
from airflow_provider_voiceinfra.operators.outbound_call import OutboundCallOperator

NUMBER = "+12125550100"
LEAK = "{{ conn.voiceinfra_default.password }}"
BRACES = f"{LEAK} {{{{ 1 / 0 }}}} {{% oops %}} {{# hidden #}} people.sql"
"""What a customer may be called. As a template it fails; the end is that of a file of SQL."""
PERSON = {
    "to_number": NUMBER,
    "first_message": f"Hello {BRACES}",
    "context": BRACES,
    "variables": {"name": BRACES, "nested": [{"name": BRACES}]},
    "metadata": {"name": BRACES, "nested": [{"name": BRACES}]},
    "idempotency_key": f"reminder {BRACES}",
}


@task(show_return_value_in_logs=False)
def data(value: Any = None) -> Any:
    """Return a value, as if it were read from a warehouse: Airflow renders the arguments of a task, not its result."""
    return VALUES[value]


VALUES: dict[str, Any] = {
    "person": PERSON,
    "people": [PERSON],
    "numbers": [NUMBER],
    "words": [BRACES],
    "objects": [PERSON["variables"]],
    "one": BRACES,
    "query": f"SELECT '{NUMBER}' AS to_number, '{{{{ 1 / 0 }}}}' AS first_message -- people.sql",
    "number": NUMBER,
    "rows": [PERSON | {"name": BRACES, "id": BRACES}],
    "lists": [[PERSON | {"name": BRACES, "id": BRACES}]],
}


class Greeting(OutboundCallOperator):
    """A user's own operator, which makes a field of what it is given."""

    def __init__(self, *, name: str, **kwargs: Any) -> None:
        super().__init__(first_message=f"Hello {name}", context="On {{ ds }}", **kwargs)


def _call() -> Any:
    return OutboundCallOperator.partial(task_id="call")


def of_kwargs() -> None:
    _call().expand_kwargs(data("people"))


def of_kwargs_with_another_column() -> None:
    _call().expand_kwargs(data("rows"))


def of_mapped_kwargs() -> None:
    _call().expand_kwargs(data("people").map(lambda person: person))


def of_joined_kwargs() -> None:
    _call().expand_kwargs(data("people").concat(data("people")).zip(data("people")).map(lambda pair: pair[0]))


def of_some_kwargs() -> None:
    _call().expand_kwargs([data("person"), {"to_number": "+13105550100", "first_message": "On {{ ds }}"}])


def of_kwargs_with_outputs() -> None:
    fields = {"to_number": data("number"), "first_message": data("one"), "context": "On {{ ds }}"}
    _call().expand_kwargs([{**fields, "variables": {"name": data("one"), "day": "{{ ds }}"}}])


def of_lists() -> None:
    _call().expand(to_number=data("numbers"), first_message=data("words"), variables=data("objects"))


def of_lists_beside_templates() -> None:
    partial = OutboundCallOperator.partial(task_id="call", context="On {{ ds }}", variables={"day": "{{ ds }}"})
    partial.expand(first_message=data("words"), to_number=["{{ '+12125550100' }}"], metadata=[{"day": "{{ ds }}"}])


def of_outputs() -> None:
    OutboundCallOperator(
        task_id="call",
        to_number=data("number"),
        first_message=data("one"),
        context="On {{ ds }}",
        variables={"name": data("one"), "nested": [{"name": data("one"), "day": "{{ ds }}"}]},
        idempotency_key=data("one"),
    )


def of_a_group() -> None:
    @task_group
    def of_one_person(words: Any) -> None:
        OutboundCallOperator(
            task_id="call", to_number=NUMBER, first_message=words, context="On {{ ds }}", variables={"name": words}
        )

    of_one_person.expand(words=data("words"))


def of_a_query() -> None:
    OutboundCallListOperator(task_id="call", sql=data("query"), sql_conn_id="warehouse")


def of_a_file() -> None:
    OutboundCallListOperator(task_id="call", sql="people.sql", sql_conn_id="warehouse")


def of_pulled_outputs() -> None:
    data("one") >> OutboundCallOperator(  # type: ignore[operator]
        task_id="call",
        to_number=NUMBER,
        first_message="{{ ti.xcom_pull('data') }}",
        variables={"name": "{{ ti.xcom_pull('data') }}"},
    )


def of_a_subclass() -> None:
    Greeting.partial(task_id="call", to_number=NUMBER).expand(name=data("words"))


def of_literals() -> None:
    _call().expand_kwargs(
        [{"to_number": "{{ '+12125550100' }}", "first_message": "On {{ ds }}", "variables": {"day": ["{{ ds }}"]}}]
    )


def of_literal_lists() -> None:
    partial = OutboundCallOperator.partial(task_id="call", first_message="On {{ ds }}")
    partial.expand(to_number=["{{ '+12125550100' }}"], context=["On {{ ds }}"], variables=[{"day": "{{ ds }}"}])


def of_a_function() -> None:
    @task.outbound_call
    def call(name: str, day: str) -> dict[str, Any]:
        return PERSON | {"first_message": f"{name} on {day}"}

    call(data("one"), day="{{ ds }}")


def of_a_mapped_function() -> None:
    @task.outbound_call(context="On {{ ds }}")
    def call(first_message: str, day: str, **rest: Any) -> dict[str, Any]:
        return {"to_number": NUMBER, "first_message": f"{first_message} on {day}"}

    call.partial(day="{{ ds }}").expand_kwargs(data("people"))


def of_rows() -> None:
    OutboundCallListOperator(task_id="call", calls=data("rows"), **_COLUMNS)


def of_mapped_rows() -> None:
    OutboundCallListOperator.partial(task_id="call", context="On {{ ds }}", **_COLUMNS).expand(calls=data("lists"))


def of_literal_rows() -> None:
    row = {"to_number": NUMBER, "first_message": "On {{ ds }}, see people.sql", "name": data("one"), "id": "{{ ds }}"}
    OutboundCallListOperator(task_id="call", calls=[row], **_COLUMNS)


def failing() -> None:
    fields = {"variables": {"people": [{"name": "Sarah has gout {{ 1 / 0 }}", "phone": NUMBER}]}}
    OutboundCallOperator(task_id="call", to_number=NUMBER, idempotency_key=f"reminder {NUMBER}", **fields)


@task
def given(number: Any) -> Any:
    """Return a number as a template has rendered it: as an integer, where the DAG renders native objects."""
    return number


@task.outbound_call(task_id="call")
def called(number: Any) -> dict[str, Any]:
    return {"to_number": number}


def number_of_a_param() -> None:
    OutboundCallOperator(task_id="call", to_number="{{ params.number }}")


def number_of_a_row() -> None:
    OutboundCallListOperator(task_id="call", calls=[{"to_number": "{{ params.number }}"}])


def number_of_a_function() -> None:
    called("{{ params.number }}")


def number_of_mapped_functions() -> None:
    called.expand(number=["{{ params.number }}"])


def number_of_literals() -> None:
    _call().expand_kwargs([{"to_number": "{{ params.number }}"}])


def number_of_a_task() -> None:
    OutboundCallOperator(task_id="call", to_number=given("{{ params.number }}"))


def number_pulled_from_a_task() -> None:
    given("{{ params.number }}") >> OutboundCallOperator(  # type: ignore[operator]
        task_id="call", to_number="{{ ti.xcom_pull('given') }}"
    )


def number_of_mapped_tasks() -> None:
    _call().expand(to_number=given.expand(number=["{{ params.number }}"]))


def number_of_a_function_of_a_task() -> None:
    called(given("{{ params.number }}"))


_COLUMNS: dict[str, Any] = {"variable_columns": ["name"], "metadata_columns": ["id"], "key_column": "id"}


def make_dag(way: Callable[[], None], **options: Any) -> DAG:
    """Make a DAG that calls in one of these ways."""
    with DAG(f"templates_{way.__name__}", schedule=None, **options) as dag:
        way()
    return dag


WAYS: tuple[Callable[[], None], ...] = (
    of_kwargs,
    of_kwargs_with_another_column,
    of_mapped_kwargs,
    of_joined_kwargs,
    of_some_kwargs,
    of_kwargs_with_outputs,
    of_lists,
    of_lists_beside_templates,
    of_outputs,
    of_a_group,
    of_a_query,
    of_a_file,
    of_pulled_outputs,
    of_a_subclass,
    of_literals,
    of_literal_lists,
    of_a_function,
    of_a_mapped_function,
    of_rows,
    of_mapped_rows,
    of_literal_rows,
    failing,
    number_of_a_param,
    number_of_a_row,
    number_of_a_function,
    number_of_mapped_functions,
    number_of_literals,
    number_of_a_task,
    number_pulled_from_a_task,
    number_of_mapped_tasks,
    number_of_a_function_of_a_task,
)

for way in WAYS:
    globals()[way.__name__ + "_dag"] = make_dag(way)
