"""DAGs of the tests: users' own subclasses and decorated functions, mapped or not, which lead to the Calls page."""

from __future__ import annotations

from airflow.sdk import DAG, task

from airflow_provider_voiceinfra.decorators.outbound_call import CallFields
from airflow_provider_voiceinfra.operators.call_list import OutboundCallListOperator
from airflow_provider_voiceinfra.operators.outbound_call import OutboundCallOperator
from airflow_provider_voiceinfra.sensors.call_completion import CallCompletionSensor

NUMBERS = ["+12125550100", "+13105550100"]


class OurCall(OutboundCallOperator):
    pass


class OurList(OutboundCallListOperator):
    pass


class OurSensor(CallCompletionSensor):
    template_fields = (*CallCompletionSensor.template_fields, "note")

    def __init__(self, *, note: str = "", **kwargs: object) -> None:
        super().__init__(**kwargs)  # type: ignore[arg-type]
        self.note = note


with DAG("linked", schedule=None) as linked:
    one = OurCall(task_id="one", to_number=NUMBERS[0])
    many = OurCall.partial(task_id="many", wait_for_completion=True, deferrable=True).expand(to_number=NUMBERS)
    OurSensor(task_id="wait", call_id=one.output, note="{{ dag.dag_id }}", deferrable=True)
    OurSensor.partial(task_id="wait_mapped", poke_interval=0.1).expand(call_id=many.output)
    OurList(task_id="list", calls=[{"to_number": NUMBERS[0]}])

    @task.outbound_call
    def decorated(number: str) -> CallFields:
        return {"to_number": number}

    decorated(NUMBERS[0])
    decorated.override(task_id="decorated_mapped").expand(number=NUMBERS)
