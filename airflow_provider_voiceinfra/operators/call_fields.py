"""The template fields of one call, and what is shown of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from airflow_provider_voiceinfra.operators.private_fields import PrivateFieldsOperator, hidden

WORDS = ("first_message", "context", "variables")
# Below, Airflow masks nothing in logs, and warns.
_SHORTEST = 5


class CallFieldsOperator(PrivateFieldsOperator):
    """Has the fields of a call as template fields, and shows neither numbers nor words."""

    number_fields: ClassVar[Sequence[str]] = ("to_number", "from_number")
    text_fields: ClassVar[Sequence[str]] = (
        "agent_id",
        "first_message",
        "context",
        "voiceinfra_conn_id",
        "idempotency_key",
        "default_region",
        "timezone",
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
        """Mask the fields in logs too, where others may write them."""
        from airflow.sdk.log import mask_secret

        for text in _texts([rendered[name] for name in ("to_number", *WORDS)]):
            if len(text) >= _SHORTEST:
                mask_secret(text)
        super().hide(rendered)

    def masked(self, rendered: Mapping[str, Any]) -> dict[str, Any]:
        """Mask numbers and words; of objects, show the names."""
        from airflow_provider_voiceinfra.calls.keys import without_number
        from airflow_provider_voiceinfra.phone_numbers.e164 import mask

        number, key = str(rendered["to_number"]), rendered["idempotency_key"]
        return {
            "to_number": mask(number),
            "from_number": rendered["from_number"] and mask(str(rendered["from_number"])),
            "idempotency_key": without_number(key, number) if isinstance(key, str) else hidden(key),
            **{name: hidden(rendered[name]) for name in (*WORDS, "metadata")},
        }


def _texts(value: object) -> Iterator[str]:
    match value:
        case str():
            yield value
        case Mapping():
            yield from _texts(list(value.values()))
        case list() | tuple():
            for each in value:
                yield from _texts(each)
