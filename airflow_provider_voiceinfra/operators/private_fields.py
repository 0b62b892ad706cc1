"""Template fields that are rendered for the task and hidden from Airflow, which stores and shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from airflow_provider_voiceinfra.operators.private import Private, forget_arguments

if TYPE_CHECKING:
    import jinja2
    from airflow.sdk import Context

TEXTS = (
    "to_number",
    "agent_id",
    "from_number",
    "first_message",
    "context",
    "voiceinfra_conn_id",
    "idempotency_key",
    "default_region",
    "timezone",
    "not_after",
)
OBJECTS = ("variables", "metadata")
WORDS = ("first_message", "context", "variables")
_HIDDEN = (*WORDS, "metadata")


class PrivateFieldsOperator(BaseOperator):
    """Keeps numbers and words of a call out of Airflow's database: after rendering, its attributes are masked."""

    template_fields: Sequence[str] = (*TEXTS, *OBJECTS)
    template_fields_renderers = {"variables": "json", "metadata": "json"}  # noqa: RUF012 - as Airflow declares it

    to_number: str
    first_message: str | None
    context: str | None
    variables: Mapping[str, Any] | None
    metadata: Mapping[str, Any] | None

    _rendered: Private[dict[str, Any]] | None = None

    def asked(self) -> dict[str, Any]:
        """Give the fields as they were rendered, or as they were given where nothing was rendered."""
        return self._rendered.reveal() if self._rendered else self._shown()

    def hide(self, asked: dict[str, Any]) -> None:
        """Keep the fields of the call, and show as little of them as tells calls apart."""
        for name in self.template_fields:
            if name in asked:
                setattr(self, name, asked[name])
        self._mask_in_logs()
        self._rendered = Private(asked)
        self._mask_fields(asked)
        forget_arguments(self)

    def _shown(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.template_fields}

    def _do_render_template_fields(
        self,
        parent: Any,
        template_fields: Any,
        context: Context,
        jinja_env: jinja2.Environment,
        seen_oids: set[int],
    ) -> None:
        """Render and mask. A mapped task does not go through ``render_template_fields``, but through here."""
        if parent is not self:
            super()._do_render_template_fields(parent, template_fields, context, jinja_env, seen_oids)
        elif self._rendered is None:
            # Before too: a template that fails is logged with its text.
            self._mask_in_logs()
            try:
                super()._do_render_template_fields(self, OBJECTS, context, jinja_env, seen_oids)
                # A DAG that renders native objects would make an integer of +14155550100, and lose who is meant.
                self.render_template_as_native_obj = False
                super()._do_render_template_fields(self, TEXTS, context, self.get_template_env(), seen_oids)
            finally:
                # What was rendered before another template failed is shown to callbacks and listeners too.
                self.hide(self._shown())

    def _mask_in_logs(self) -> None:
        from airflow.sdk.log import mask_secret

        variables = self.variables.values() if isinstance(self.variables, Mapping) else ()
        for value in (self.to_number, self.first_message, self.context, *variables):
            if isinstance(value, str):
                mask_secret(value)

    def _mask_fields(self, asked: Mapping[str, Any]) -> None:
        from airflow_provider_voiceinfra.calls.keys import without_number
        from airflow_provider_voiceinfra.calls.numbers import mask

        number = str(asked["to_number"])
        masked = {name: _hidden(asked[name]) for name in _HIDDEN} | {
            "to_number": mask(number),
            "from_number": asked["from_number"] and mask(str(asked["from_number"])),
        }
        if isinstance(asked["idempotency_key"], str):
            masked["idempotency_key"] = without_number(asked["idempotency_key"], number)
        for name, value in masked.items():
            setattr(self, name, value)


def _hidden(value: object) -> object:
    return dict.fromkeys(value, "•••") if isinstance(value, Mapping) else value and "•••"
