"""A person who asks, in a call, not to be called again."""

from __future__ import annotations

import re
from dataclasses import dataclass

from airflow_provider_voiceinfra.store.completion_body import parse_completion
from airflow_provider_voiceinfra.store.delivery import Delivery

# An agent's answer to a question, which a model may write as a word.
_YES = frozenset({"true", "yes", "1"})
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
        completion = parse_completion(delivery.body, extracted_field=self.extracted_field)
        return self.kept_as if str(completion.extracted.get(self.field)).strip().lower() in _YES else None


def called_number(delivery: Delivery) -> str | None:
    """Read the number that a webhook says was called, where it can be read."""
    written = delivery.party.to_number if delivery.party else ""
    match = _E164.fullmatch(re.sub(r"[^+\d]", "", written))
    return match and match[0]
