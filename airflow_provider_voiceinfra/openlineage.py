"""Lineage for OpenLineage: how many calls a task placed, how they ended, and where the results were written.

It contains neither numbers nor words. Used only if ``apache-airflow-providers-openlineage`` is installed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.providers.common.sql.hooks.sql import DbApiHook
    from airflow.providers.openlineage.extractors import OperatorLineage

PLACED = ("voiceinfra://calls", "placed")
COMPLETED = ("voiceinfra://calls", "completed")


class OpenLineageMixin:
    """Adds lineage to an operator that places calls.

    Must not be the first base class: Airflow cannot map such an operator.
    """

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> OperatorLineage[Any, Any]:
        """Count the calls that the task placed so far, in this run."""
        import attr
        from airflow.providers.openlineage.extractors import OperatorLineage
        from openlineage.client.event_v2 import Dataset
        from openlineage.client.facet_v2 import RunFacet

        from airflow_provider_voiceinfra.config import call_store
        from airflow_provider_voiceinfra.context import task_source

        @attr.define
        class VoiceInfraCallsRunFacet(RunFacet):
            """The number of calls by outcome, or by state for those that have not ended."""

            calls: dict[str, int]

        counts = call_store().calls.count_of_task(task_source(task_instance.get_template_context()))
        return OperatorLineage(
            outputs=[Dataset(*PLACED)], run_facets={"voiceinfra_calls": VoiceInfraCallsRunFacet(counts)}
        )


def table_lineage(hook: DbApiHook, conn_id: str, table: str) -> OperatorLineage[Any, Any]:
    """Return the lineage of a table that results were written to, under the name that other operators use."""
    from airflow.providers.openlineage.extractors import OperatorLineage
    from airflow.providers.openlineage.sqlparser import get_openlineage_facets_with_sql
    from openlineage.client.event_v2 import Dataset

    database = hook.get_connection(conn_id).schema
    try:
        written = get_openlineage_facets_with_sql(
            hook, f"INSERT INTO {table} SELECT 1", conn_id, database, use_connection=False
        )
    except NotImplementedError:
        # SQLite's hook, for example, has no name for its database.
        written = None
    return OperatorLineage(inputs=[Dataset(*COMPLETED)], outputs=written.outputs if written else [])
