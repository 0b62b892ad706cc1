"""Variants of a list's calls: each row gets one by its key, so that they can be compared."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_voiceinfra.arguments import is_template, number, strings
from airflow_provider_voiceinfra.store.hashing import hash_key, join_parts

_LONGEST_NAME = 64
_MOST_WEIGHT = 1_000_000


@dataclass(frozen=True, slots=True)
class Variant:
    """What is different in some calls of a list. A field that is None is as in the other calls.

    :param weight: its share of the rows, relative to the weights of the other variants.
    :param agent_id: where a row names none.
    :param first_message: the same. ``{name}`` is filled from the row's column ``name``; Jinja is not rendered.
    :param context: as ``first_message``.
    :raises TypeError: if an argument is of another type.
    :raises ValueError: if the weight is not a positive number, or a string is a template.
    """

    weight: float = 1
    agent_id: str | None = None
    first_message: str | None = field(default=None, repr=False)
    context: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        number("weight", self.weight, 1 / _MOST_WEIGHT, _MOST_WEIGHT)
        fields = self.fields()
        strings(**fields)
        for name, value in fields.items():
            if is_template(value):
                raise ValueError(f"{name} of a Variant is not rendered: write {{name}} to fill in a column of the row")

    def fields(self) -> dict[str, str]:
        """Return the fields of the call that it sets."""
        values = {"agent_id": self.agent_id, "first_message": self.first_message, "context": self.context}
        return {name: value for name, value in values.items() if value is not None}


def check_variants(given: object) -> dict[str, Variant]:
    """Check the variants of a list, by name.

    :raises TypeError: if they are not a dict of variants.
    :raises ValueError: if a name is empty or too long.
    """
    wanted = "variants must be a dict such as {'short': Variant(first_message='Hello.'), 'long': Variant()}"
    if not isinstance(given, Mapping) or not given or not all(isinstance(each, Variant) for each in given.values()):
        raise TypeError(wanted)
    for name in given:
        if not isinstance(name, str) or not name.strip() or len(name) > _LONGEST_NAME:
            raise ValueError(f"{wanted}; a name has 1 to {_LONGEST_NAME} characters")
    return dict(given)


def choose_variant(variants: Mapping[str, Variant], row: str) -> str:
    """Choose the variant of a row: always the same, and independent of the list and of the order of the variants.

    A variant that is added or removed changes the variant of no more rows than its share.

    :param row: its key, or else its number.
    """

    # Weighted rendezvous hashing.
    def score(name: str) -> tuple[float, str]:
        fraction: float = (int(hash_key(join_parts("variant", name, row))[:13], 16) + 0.5) / 16**13
        return variants[name].weight / -math.log(fraction), name

    return max(variants, key=score)


def texts_of(variants: Mapping[str, Variant]) -> list[tuple[str, Any]]:
    """Return the strings that may have placeholders, each with what to call it in a message."""
    return [
        (f"{name} of variant {variant!r}", variants[variant].fields().get(name))
        for variant in variants
        for name in ("first_message", "context")
    ]
