"""Render the contents of ``get_provider_info``, so that they are written once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import Directive

from airflow_provider_voiceinfra.get_provider_info import get_provider_info

if TYPE_CHECKING:
    from sphinx.application import Sphinx


class _Described(Directive):
    """A definition list of names and their descriptions."""

    has_content: ClassVar[bool] = False

    def described(self) -> Iterator[tuple[str, str]]:
        """Yield names and their descriptions."""
        raise NotImplementedError

    def run(self) -> list[nodes.Node]:
        """Build the list."""
        items = []
        for name, description in self.described():
            term = nodes.term("", "", nodes.literal("", name))
            text, _ = self.state.inline_text(description, self.lineno)
            items.append(nodes.definition_list_item("", term, nodes.definition("", nodes.paragraph("", "", *text))))
        return [nodes.definition_list("", *items)]


class Options(_Described):
    """The options of ``[voiceinfra]``."""

    def described(self) -> Iterator[tuple[str, str]]:
        """Yield each option with its description, its environment variable and its default."""
        options: dict[str, dict[str, Any]] = get_provider_info()["config"]["voiceinfra"]["options"]
        for name, option in options.items():
            default = f"``{option['default']}``" if option["default"] else "nothing"
            example = f", for example ``{option['example']}``" if option["example"] else ""
            variable = f"``AIRFLOW__VOICEINFRA__{name.upper()}``"
            description = option["description"].replace("`", "``")
            yield name, f"{description} As a variable: {variable}{example}. Default: {default}."


class ConnectionFields(_Described):
    """The extra fields of a connection of type ``voiceinfra``."""

    def described(self) -> Iterator[tuple[str, str]]:
        """Yield each field with its label in the form and its description."""
        for name, field in get_provider_info()["connection-types"][0]["conn-fields"].items():
            secret = " (a secret)" if field["schema"].get("format") == "password" else ""
            yield name, f"*{field['label']}*{secret}: {field['description']}"


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directives."""
    app.add_directive("voiceinfra-options", Options)
    app.add_directive("voiceinfra-connection-fields", ConnectionFields)
    return {"parallel_read_safe": True}
