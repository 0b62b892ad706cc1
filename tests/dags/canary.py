"""The DAGs of the privacy test: marked values in every field, by every way and every fault, and then they are searched.

What is to appear nowhere is read while a template is rendered, as from a secrets backend: so neither the file, nor the
run, nor an XCom shows it before this package does.
"""

from __future__ import annotations

import os
import signal
from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, Asset, AssetWatcher, AsyncCallback, DeadlineAlert, DeadlineReference, task

from airflow_provider_voiceinfra import deferral
from airflow_provider_voiceinfra.calls.redial import Redial
from airflow_provider_voiceinfra.hooks.voiceinfra import VoiceInfraHook
from airflow_provider_voiceinfra.notifications.voiceinfra import VoiceInfraNotifier
from airflow_provider_voiceinfra.operators.call_list import OutboundCallListOperator
from airflow_provider_voiceinfra.operators.outbound_call import OutboundCallOperator
from airflow_provider_voiceinfra.sensors.call_completion import CallCompletionSensor
from airflow_provider_voiceinfra.transfers.calls_to_sql import CallsToSqlOperator
from airflow_provider_voiceinfra.triggers.call_completed_event import CallCompletedEventTrigger

# By how a value is given: an area code for each, so that a number tells where it came from.
AREAS = {
    "runtime": ("201", "202", "203", "205", "206", "207", "208", "209", "210", "212", "213", "214", "215", "216"),
    "asked": ("301", "302", "303"),
    "conf": ("401",),
    "file": ("402",),
    "deadline": ("406",),
    "xcom": ("404", "405"),
    "unwanted": ("501",),
}
# The sandbox's faults, and the answers of a VoiceInfra that repeats what it was sent.
FAULTS = ("12", "15", "21", "40", "41", "42", "62")
ECHOES = ("00", "01", "02", "03", "04", "05", "06", "07")
ASKED = ("transcript", "summary", "extracted", "recording_url")


def mark(value: str, way: str) -> str:
    """Return a word that is in this value only; it is in no file as a whole."""
    return f"zq{way}{value.replace(' ', '')}qz"


def text(value: str, way: str) -> str:
    """Return the value: as people write, with what JSON, URLs and logs write otherwise."""
    return f'Tell her: "{mark(value, way)}" —\nmore & more, 100 %'


def number(place: int, code: str = "00", way: str = "runtime") -> str:
    return f"+1{AREAS[way][place]}55501{code}"


def told(value: str, way: str = "runtime") -> str:
    return text(value, way)


def dialled(place: int, codes: tuple[str, ...] = ("00",), index: int = 0, way: str = "runtime") -> str:
    return number(place, codes[max(index, 0)], way)


def fields(way: str = "runtime") -> dict[str, Any]:
    """Give templates of all fields."""

    def template(value: str) -> str:
        return f"{{{{ told('{value}', '{way}') }}}}"

    return {
        "first_message": template("first message"),
        "context": template("context"),
        "variables": {"note": template("variables")},
        "metadata": {"note": template("metadata")},
        "completion_timeout": timedelta(seconds=8),
    }


def call(task_id: str, place: int, way: str = "runtime", code: str = "00", **options: Any) -> OutboundCallOperator:
    template = f"{{{{ dialled({place}, ('{code}',), 0, '{way}') }}}}"
    return OutboundCallOperator(task_id=task_id, **{"to_number": template} | fields(way) | options)


class KilledOperator(OutboundCallOperator):
    """Its first try is killed when VoiceInfra has answered."""

    def execute(self, context: Any) -> str:
        from airflow_provider_voiceinfra.store.claims.claims import Claims

        if context["ti"].try_number == 1:
            Claims.record_queued = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)  # type: ignore[assignment]
        return super().execute(context)


class EndingOperator(OutboundCallOperator):
    """Ends from its trigger, although OpenLineage listens here."""

    def execute(self, context: Any) -> str:
        deferral.has_listeners = lambda: False
        return super().execute(context)


class EndingSensor(CallCompletionSensor):
    """The same."""

    def execute(self, context: Any) -> Any:
        deferral.has_listeners = lambda: False
        return super().execute(context)


def notifier(place: int, **options: Any) -> VoiceInfraNotifier:
    return VoiceInfraNotifier(
        to_number=f"{{{{ dialled({place}) }}}}",
        first_message="{{ told('first message') }}",
        call_context="{{ told('context') }}",
        variables={"note": "{{ told('variables') }}"},
        **options,
    )


WAITS: dict[str, Any] = {"wait_for_completion": True, "deferrable": True}

with DAG(
    "canary",
    schedule=None,
    user_defined_macros={"told": told, "dialled": dialled, "FAULTS": FAULTS, "ECHOES": ECHOES},
    on_failure_callback=notifier(8),
    deadline=DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=timedelta(seconds=1),
        callback=AsyncCallback(
            VoiceInfraNotifier,
            kwargs={
                "to_number": number(0, way="deadline"),
                "first_message": text("first message", "deadline"),
                "call_context": text("context", "deadline"),
                "variables": {"note": text("variables", "deadline")},
            },
        ),
    ),
    default_args={"retries": 0},
) as canary:
    # As it should be.
    plain = call("plain", 0, idempotency_key="{{ dialled(0) }} and her key", deferrable=False)
    call("deferring", 1, **WAITS)
    # No webhook comes, so it is sure to wait.
    call("overdue", 1, code="64", **WAITS)
    call("blocking", 2, wait_for_completion=True, deferrable=False)
    call("redialled", 3, code="01", redial=Redial(wait=timedelta(seconds=0.5)), deferrable=True)
    call("asked", 0, "asked", completion_fields=ASKED, **WAITS)
    EndingOperator(
        task_id="asked_of_the_trigger",
        to_number="{{ dialled(1, ('00',), 0, 'asked') }}",
        completion_fields=ASKED,
        **WAITS | fields("asked"),
    )
    CallCompletionSensor(task_id="poke", call_id=plain.output, poke_interval=0.5)
    CallCompletionSensor(task_id="defer", call_id=plain.output, deferrable=True)
    EndingSensor(task_id="end_from_trigger", call_id=plain.output, deferrable=True)
    CallCompletionSensor(task_id="in_vain", call_id="none", deferrable=True, timeout=3)

    @task.outbound_call(**WAITS)
    def decorated(note: str) -> Any:
        return {
            "to_number": number(4),
            "context": note,
            "first_message": told("first message"),
            "variables": {"note": told("variables")},
            "metadata": {"note": told("metadata")},
        }

    decorated(note="{{ told('context') }}")

    @task
    def by_the_hook() -> str:
        hook = VoiceInfraHook()
        asked = {name: told(name.replace("_", " ")) for name in ("first_message", "context")}
        objects = {name: {"note": told(name)} for name in ("variables", "metadata")}
        placed = hook.place_call(idempotency_key="by the hook", to_number=number(5), **asked, **objects)
        hook.get_call(placed.ref)
        return placed.ref

    by_the_hook()

    # Lists, and what became of them.
    of_rows = OutboundCallListOperator(
        task_id="list",
        sql="SELECT * FROM people",
        sql_conn_id="warehouse",
        variable_columns=["variables"],
        metadata_columns=["metadata"],
        completion_timeout=timedelta(seconds=8),
        max_invalid_fraction=1.0,
        max_in_flight=100,
    )
    planned = OutboundCallListOperator(
        task_id="plan", sql="SELECT * FROM people", sql_conn_id="warehouse", dry_run=True, max_invalid_fraction=1.0
    )
    refused_rows = OutboundCallListOperator(
        task_id="rows_refused", sql="SELECT to_number::int AS to_number FROM people", sql_conn_id="warehouse"
    )
    refused_suppression = OutboundCallListOperator(
        task_id="suppression_refused",
        calls=[{"to_number": number(0, "04", "file")}],
        suppress_sql="SELECT to_number::int FROM people",
        sql_conn_id="warehouse",
    )
    for name, options in {
        "write_back": {},
        "write_asked": {"completion_fields": (*ASKED, "to_number"), "metadata_columns": ["note"]},
        "write_refused": {"completion_fields": ["transcript"], "table": "refusing"},
    }.items():
        of_rows >> CallsToSqlOperator(
            **{"task_id": name, "since": "2026-01-01", "sql_conn_id": "warehouse", "table": name} | options,
            trigger_rule="all_done",
        )

    # What Airflow itself shows of what it is given.
    OutboundCallOperator(
        task_id="of_the_run",
        to_number="{{ dag_run.conf['to_number'] }}",
        **{name: f"{{{{ dag_run.conf['{name.replace('_', ' ')}'] }}}}" for name in ("first_message", "context")},
        variables={"note": "{{ dag_run.conf['variables'] }}"},
        metadata={"note": "{{ dag_run.conf['metadata'] }}"},
        **WAITS,
    )
    OutboundCallOperator(
        task_id="of_the_file",
        to_number=number(0, "00", "file"),
        first_message=text("first message", "file"),
        context=text("context", "file"),
        variables={"note": text("variables", "file")},
        metadata={"note": text("metadata", "file")},
    )

    @task
    def people() -> Any:
        one = {name: text(name.replace("_", " "), "xcom") for name in ("first_message", "context")}
        objects = {name: {"note": text(name, "xcom")} for name in ("variables", "metadata")}
        return [{"to_number": number(0, code, "xcom")} | one | objects for code in ("00", "02")]

    @task
    def rows() -> Any:
        names = ("first_message", "context", "variables", "metadata")
        row = {name: text(name.replace("_", " "), "xcom") for name in names}
        return [
            row | {"to_number": number(1, "00", "xcom")},
            row | {"to_number": f"my number is {number(1, '07', 'xcom')}"},
        ]

    OutboundCallOperator.partial(task_id="of_a_task").expand_kwargs(people())
    OutboundCallListOperator(
        task_id="list_of_a_task",
        calls=rows(),
        variable_columns=["variables"],
        metadata_columns=["metadata"],
        max_invalid_fraction=1.0,
    )

    # What goes wrong.
    faults = {name: value for name, value in fields().items() if name != "completion_timeout"}
    OutboundCallOperator.partial(
        task_id="fault",
        to_number="{{ dialled(6, FAULTS, ti.map_index) }}",
        completion_timeout=timedelta(seconds=8),
        **WAITS,
        **faults,
    ).expand(default_region=["US"] * len(FAULTS))
    OutboundCallOperator.partial(
        task_id="echo", to_number="{{ dialled(7, ECHOES, ti.map_index) }}", voiceinfra_conn_id="echoing", **fields()
    ).expand(default_region=["US"] * len(ECHOES))
    KilledOperator(
        task_id="killed",
        to_number="{{ dialled(9) }}",
        **WAITS,
        **fields() | {"retries": 1, "retry_delay": timedelta(0)},
    )
    call("unwanted", 0, "unwanted")
    call("expired", 10, not_after="2026-01-01T00:00Z")
    plain >> call("conflict", 0, idempotency_key="{{ dialled(0) }} and her key", context="{{ told('summary') }}")
    call("no_number", 10, to_number="my number is {{ dialled(10) }}, or {{ told('context') }}")
    call("no_object", 10, variables="{{ told('variables') }}")
    call("no_metadata", 10, metadata="{{ told('metadata') }}")
    call("broken", 10, first_message="{{ told('first message') }}{{ 1 / 0 }}")
    call("broken_object", 10, variables={"one": "{{ told('variables') }}", "two": "{{ told('variables').no.more }}"})

    @task(on_failure_callback=[notifier(11), notifier(10, idempotency_key="{{ told('context').no.more }}")])
    def failing() -> None:
        raise ValueError

    failing()

with DAG(
    "canary_events",
    schedule=[
        Asset(
            "voiceinfra://calls/completed/canary",
            watchers=[AssetWatcher(name="canary", trigger=CallCompletedEventTrigger(include_foreign=True))],
        )
    ],
    is_paused_upon_creation=True,
    max_active_runs=1,
) as canary_events:

    @task
    def follow() -> list[str]:
        with VoiceInfraHook().completed_calls(cursor="canary") as calls:
            return [call.ref for call in calls]

    follow()

with DAG("canary_hidden", schedule=None, user_defined_macros={"told": told, "dialled": dialled}) as canary_hidden:
    call("hidden", 12)
