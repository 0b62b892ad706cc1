"""What OpenLineage is told: how many calls a task has placed and how they ended, and where that was written.

Nobody's number and no words. Asked for only where ``apache-airflow-providers-openlineage`` is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.providers.common.sql.hooks.sql import DbApiHook
    from airflow.providers.openlineage.extractors import OperatorLineage

PLACED = ("voiceinfra://calls", "placed")
COMPLETED = ("voiceinfra://calls", "completed")


class CallLineage:
    """Gives an operator that places calls its lineage.

    To be named after the operator's own base: Airflow cannot map an operator whose first base is another class.
    """

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> OperatorLineage[Any, Any]:
        """Name the calls that the task has placed so far, in this run."""
        import attr
        from airflow.providers.openlineage.extractors import OperatorLineage
        from openlineage.client.event_v2 import Dataset
        from openlineage.client.facet_v2 import RunFacet

        from airflow_provider_voiceinfra.config import call_store
        from airflow_provider_voiceinfra.context import task_source

        @attr.define
        class VoiceInfraCallsRunFacet(RunFacet):
            """How many calls are in each state, those that have ended by their outcome."""

            calls: dict[str, int]

        counts = call_store().calls.count_of_task(task_source(task_instance.get_template_context()))
        return OperatorLineage(
            outputs=[Dataset(*PLACED)], run_facets={"voiceinfra_calls": VoiceInfraCallsRunFacet(counts)}
        )


def lineage_of_results(hook: DbApiHook, conn_id: str, table: str) -> OperatorLineage[Any, Any]:
    """Name a table that results were written to, as other operators name it, as far as its database can be named.

    :param hook: of the connection.
    :param table: with its schema, if it was given one.
    """
    from airflow.providers.openlineage.extractors import OperatorLineage
    from airflow.providers.openlineage.sqlparser import get_openlineage_facets_with_sql
    from openlineage.client.event_v2 import Dataset

    database = hook.get_connection(conn_id).schema
    try:
        written = get_openlineage_facets_with_sql(
            hook, f"INSERT INTO {table} SELECT 1", conn_id, database, use_connection=False
        )
    except NotImplementedError:
        # Such as SQLite's hook, which has no name for its database.
        written = None
    return OperatorLineage(inputs=[Dataset(*COMPLETED)], outputs=written.outputs if written else [])
