"""A person who asks, in a call, not to be called again."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from airflow_provider_voiceinfra.store.completion_body import ECHOES, stored_completion
from airflow_provider_voiceinfra.store.inbox.delivery import Delivery
from airflow_provider_voiceinfra.store.models import Completion

# A model may write its answer as a word. Whatever else it writes may mean that the person was heard.
_NO = frozenset({"", "no", "n", "false"})
_E164 = re.compile(r"\+[1-9]\d{6,14}")


@dataclass(frozen=True, slots=True)
class OptOut:
    """Hears who asks for it.

    :param field: the extracted field that says so; empty for none.
    :param extracted_field: see :func:`~airflow_provider_voiceinfra.store.completion_body.parse_completion`.
    :param kept_as: how the numbers of those are kept: ``number`` or ``hash``.
    """

    field: str
    extracted_field: str
    kept_as: str

    def asked_for(self, delivery: Delivery) -> str | None:
        """Look into a completion.

        :return: how the person's number is to be kept, where she asks not to be called again.
        """
        if not self.field:
            return None
        said = stored_completion(
            delivery.body, delivery.call_id, delivery.outcome, extracted_field=self.extracted_field
        )
        return self.kept_as if any(_means_yes(place.get(self.field)) for place in self._places(said)) else None

    def _places(self, said: Completion) -> list[dict[str, Any]]:
        """List where the field may be: where nobody has said which object holds extracted data, in any."""
        if self.extracted_field:
            return [said.extracted]
        objects = [value for name, value in said.payload.items() if isinstance(value, dict) and name not in ECHOES]
        return [said.payload, *objects]


def _means_yes(value: object) -> bool:
    if isinstance(value, str):
        return value.strip().lower() not in _NO
    if isinstance(value, dict):
        # With a confidence or a reason beside it.
        inner = [each for name, each in value.items() if name.lower() == "value"]
        return any(map(_means_yes, inner)) if inner else bool(value)
    return bool(value)


def called_number(delivery: Delivery) -> str | None:
    """Read the number that a webhook says was called, where it can be read."""
    written = delivery.party.to_number if delivery.party else ""
    match = _E164.fullmatch(re.sub(r"[^+\d]", "", written))
    return match and match[0]
