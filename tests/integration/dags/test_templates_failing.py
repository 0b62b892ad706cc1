"""A template that fails ends the task in one sentence, which shows nothing of its text or of what it is filled with."""

from __future__ import annotations

import pytest

from airflow_provider_voiceinfra.notifications.voiceinfra import VoiceInfraNotifier
from tests.dags import call_lists, decorated, failing, one_call, templates

PRIVATE = "Sarah, +12125550100, has gout"
FAILS = {
    "error": f"{PRIVATE} {{{{ 1 / 0 }}}}",
    "syntax": f"{PRIVATE} {{% oops %}}",
    "name": f"{PRIVATE} {{{{ params.nmae }}}}",
    "key": f"{{{{ params['{PRIVATE}'] }}}}",
    "macro": f"{{{{ look_up('{PRIVATE}') }}}}",
}


def look_up(name):
    raise LookupError(f"{name} is not there")


@pytest.fixture
def log(airflow_database, voiceinfra, capfd, caplog):
    """Run a DAG whose template fails, and give its log."""

    def log(dag):
        dag.user_defined_macros = {"look_up": look_up}
        assert dag.test().state == "failed"
        assert not voiceinfra.dials
        return "".join(capfd.readouterr()) + caplog.text

    return log


def shows_nothing(log):
    return not any(word in log for word in ("Sarah", "2125550100", "gout"))


@pytest.mark.parametrize(
    ("field", "template"),
    [
        ("to_number", FAILS["error"]),
        ("first_message", FAILS["syntax"]),
        ("context", FAILS["key"]),
        ("idempotency_key", FAILS["name"]),
        ("timezone", FAILS["macro"]),
        ("variables", {"people": [{"name": FAILS["error"]}, (PRIVATE,)]}),
        ("metadata", {"people": [{"name": PRIVATE}, {"name": FAILS["macro"]}]}),
    ],
)
def test_of_a_call(log, field, template):
    text = log(one_call.make_dag(one_call.plain, **{field: template}))
    assert f"The template of {field} failed" in text
    assert shows_nothing(text)


def test_a_column_that_is_no_field_is_named_and_not_shown(log):
    text = log(templates.make_dag(templates.of_kwargs_with_another_column))
    assert "OutboundCallOperator has no argument id, name" in text
    assert "oops" not in text


def test_what_a_dag_author_has_misspelt_is_named(log):
    text = log(one_call.make_dag(one_call.plain, context=FAILS["name"]))
    assert "UndefinedError of 'nmae'" in text


@pytest.mark.parametrize("template", [FAILS["error"], FAILS["macro"]])
def test_of_a_row(log, template):
    rows = [{"to_number": one_call.NUMBER, "name": PRIVATE}, {"to_number": one_call.NUMBER, "people": [template]}]
    text = log(call_lists.make_dag(call_lists.of_rows, calls=rows, first_message=PRIVATE))
    assert "The template of calls failed" in text
    assert shows_nothing(text)


@pytest.mark.parametrize("field", ["first_message", "key_prefix", "sql"])
def test_of_a_list(log, field):
    rows = [{"to_number": one_call.NUMBER, "name": PRIVATE}]
    source = {"calls": rows} if field != "sql" else {}
    fields = source | {"sql_conn_id": "warehouse"} | {field: FAILS["error"]}
    text = log(call_lists.make_dag(call_lists.of_rows, **fields))
    assert f"The template of {field} failed" in text
    assert shows_nothing(text)


@pytest.mark.parametrize("template", [FAILS["error"], FAILS["macro"]])
def test_of_a_function(log, template):
    text = log(decorated.make_dag({"to_number": one_call.NUMBER}, people=[template]))
    assert "The template of number failed" in text
    assert shows_nothing(text)


@pytest.mark.parametrize("template", FAILS.values(), ids=FAILS)
@pytest.mark.parametrize("field", ["to_number", "first_message", "call_context", "variables", "idempotency_key"])
def test_of_a_notifier(voiceinfra, caplog, field, template):
    fields = {"to_number": one_call.NUMBER} | {field: {"people": [template]} if field == "variables" else template}
    VoiceInfraNotifier(**fields)({"dag": failing.failing, "run_id": "manual__1", "params": {}})
    assert f"VoiceInfraNotifier failed: The template of {field} failed" in caplog.text
    assert shows_nothing(caplog.text)
    assert not voiceinfra.dials
