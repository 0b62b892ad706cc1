"""A person who asks, in a call, not to be called again."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from airflow_provider_voiceinfra.store import tables
from airflow_provider_voiceinfra.store.completion_body import parse_completion
from airflow_provider_voiceinfra.store.delivery import Delivery
from airflow_provider_voiceinfra.store.do_not_call import DoNotCall

# An agent's answer to a question, which a model may write as a word.
_YES = frozenset({"true", "yes", "1"})


class OptOut:
    """Adds those who ask for it to the list of numbers that are not called.

    :param field: the extracted field that says so; empty for none.
    :param extracted_field: see :func:`~airflow_provider_voiceinfra.store.completion_body.parse_completion`.
    """

    def __init__(self, field: str, extracted_field: str, do_not_call: DoNotCall) -> None:
        self._field = field
        self._extracted_field = extracted_field
        self._do_not_call = do_not_call

    def add(self, tx: sa.Connection, deliveries: Iterable[Delivery]) -> None:
        """Look into completions, in the transaction that keeps them."""
        if not self._field:
            return
        for delivery in deliveries:
            completion = parse_completion(delivery.body, extracted_field=self._extracted_field)
            if str(completion.extracted.get(self._field)).strip().lower() in _YES:
                numbers = {*self._called(tx, delivery), completion.to_number or ""} - {""}
                why = f"said so in {delivery.call_id}"
                self._do_not_call.add_in(tx, numbers, actor="the person", why=why)

    @staticmethod
    def _called(tx: sa.Connection, delivery: Delivery) -> Iterable[str]:
        columns = tables.call.c
        same = (columns.call_id == delivery.call_id, columns.webhook_conn_id == delivery.webhook_conn_id)
        return tx.scalars(sa.select(columns.to_number).where(*same)).all()
