"""Detects callees who ask, in a call, not to be called again."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from airflow_provider_voiceinfra.store.completion_body import ECHOES, stored_completion
from airflow_provider_voiceinfra.store.inbox.delivery import Delivery
from airflow_provider_voiceinfra.store.models import Completion

# A model may answer with a word. Any other value counts as an opt-out, to be safe.
_NO = frozenset({"", "no", "n", "false"})
_E164 = re.compile(r"\+[1-9]\d{6,14}")


@dataclass(frozen=True, slots=True)
class OptOut:
    """Detects opt-outs in completions.

    :param field: the extracted field that contains the opt-out; empty for none.
    :param extracted_field: see :func:`~airflow_provider_voiceinfra.store.completion_body.parse_completion`.
    :param kept_as: how numbers are kept on the do-not-call list: ``number`` or ``hash``.
    """

    field: str
    extracted_field: str
    kept_as: str

    def asked_for(self, delivery: Delivery) -> str | None:
        """Check a completion for an opt-out.

        :return: how to keep the callee's number if they ask not to be called again; otherwise None.
        """
        if not self.field:
            return None
        completion = stored_completion(
            delivery.body, delivery.call_id, delivery.outcome, extracted_field=self.extracted_field
        )
        return self.kept_as if any(_means_yes(each.get(self.field)) for each in self._objects(completion)) else None

    def _objects(self, completion: Completion) -> list[dict[str, Any]]:
        """List the objects that may contain the field: all of them if ``extracted_field`` is not set."""
        if self.extracted_field:
            return [completion.extracted]
        objects = [
            value for name, value in completion.payload.items() if isinstance(value, dict) and name not in ECHOES
        ]
        return [completion.payload, *objects]


def _means_yes(value: object) -> bool:
    if isinstance(value, str):
        return value.strip().lower() not in _NO
    if isinstance(value, dict):
        # A value with a confidence or a reason beside it.
        inner = [each for name, each in value.items() if name.lower() == "value"]
        return any(map(_means_yes, inner)) if inner else bool(value)
    return bool(value)


def called_number(delivery: Delivery) -> str | None:
    """Return the callee's number of a webhook; None if it is not valid."""
    written = delivery.party.to_number if delivery.party else ""
    match = _E164.fullmatch(re.sub(r"[^+\d]", "", written))
    return match and match[0]
