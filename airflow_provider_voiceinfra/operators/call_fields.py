"""The template fields of one call, and how they are masked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from airflow_provider_voiceinfra.operators.private_fields import PrivateFieldsOperator, hidden

CONTENT_FIELDS = ("first_message", "context", "variables")
# Airflow does not mask shorter strings in logs, and warns about them.
_MIN_MASKED_LENGTH = 5


class CallFieldsOperator(PrivateFieldsOperator):
    """Has the fields of a call as template fields, and masks its numbers and content."""

    number_fields: ClassVar[Sequence[str]] = ("to_number", "from_number")
    text_fields: ClassVar[Sequence[str]] = (
        "agent_id",
        "first_message",
        "context",
        "voiceinfra_conn_id",
        "idempotency_key",
        "default_region",
        "timezone",
        "not_before",
        "not_after",
    )
    template_fields: Sequence[str] = (*number_fields, *text_fields, "variables", "metadata")
    template_fields_renderers = {"variables": "json", "metadata": "json"}  # noqa: RUF012 - as Airflow declares it

    to_number: str
    first_message: str | None
    context: str | None
    variables: Mapping[str, Any] | None
    metadata: Mapping[str, Any] | None

    def hide(self, rendered: dict[str, Any]) -> None:
        """Mask the fields, in logs too, to which other code may write them."""
        from airflow.sdk.log import mask_secret

        for text in _strings([rendered[name] for name in ("to_number", *CONTENT_FIELDS)]):
            if len(text) >= _MIN_MASKED_LENGTH:
                mask_secret(text)
        super().hide(rendered)

    def masked(self, rendered: Mapping[str, Any]) -> dict[str, Any]:
        """Mask numbers and content; dicts show their keys."""
        from airflow_provider_voiceinfra.calls.keys import without_number
        from airflow_provider_voiceinfra.phone_numbers.e164 import mask, mask_numbers

        number, key = str(rendered["to_number"]), rendered["idempotency_key"]
        return {
            "to_number": mask(number),
            "from_number": rendered["from_number"] and mask_numbers(str(rendered["from_number"])),
            "idempotency_key": without_number(key, number) if isinstance(key, str) else hidden(key),
            **{name: hidden(rendered[name]) for name in (*CONTENT_FIELDS, "metadata")},
        }


def _strings(value: object) -> Iterator[str]:
    match value:
        case str():
            yield value
        case Mapping():
            yield from _strings(list(value.values()))
        case list() | tuple():
            for each in value:
                yield from _strings(each)
