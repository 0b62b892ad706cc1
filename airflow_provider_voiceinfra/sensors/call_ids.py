"""Reads the ``call_id`` of a sensor: one id, or a sequence of them, of which those of skipped calls are missing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from airflow_provider_voiceinfra import arguments

_WANTED = "a call_id, a list of them, or the output of a task"
# A list, a dict or another object that was rendered to a string.
_RENDERED_OBJECT = re.compile(r"\s*[\[({<]|Lazy\w*\W")


class CallIdError(Exception):
    """A sensor was given no ``call_id``, or something else instead."""


def check_argument(call_id: Any) -> Any:
    """Check the argument as far as it is known before the task runs; an upstream task may still return None.

    :raises TypeError: if it is neither a string, nor a sequence of them, nor the output of a task.
    """
    each = [call_id] if isinstance(call_id, str) or arguments.is_template(call_id) else call_id
    if isinstance(each, bytes) or not isinstance(each, Sequence):
        raise TypeError(arguments.wrong("call_id", _WANTED, call_id))
    if not all(one is None or isinstance(one, str) or arguments.is_template(one) for one in each):
        raise TypeError(arguments.wrong("call_id", _WANTED, call_id))
    return call_id


def read_call_ids(call_id: Any) -> tuple[tuple[str, ...], int]:
    """Return the ids in a rendered argument, and how many of a sequence are missing.

    :raises CallIdError: if there is none, or one is not an id. An empty sequence is valid.
    """
    if call_id is None or isinstance(call_id, str):
        if _is_missing(call_id):
            raise CallIdError(f"call_id is {call_id!r}: no call was placed that this task can wait for.")
        return (_checked(call_id),), 0
    if isinstance(call_id, bytes | Mapping) or not isinstance(call_id, Iterable):
        raise CallIdError(f"call_id must be {_WANTED}, not {type(call_id).__name__}.")
    each = list(call_id)
    given = tuple(_checked(one) for one in each if not _is_missing(one))
    if each and not given:
        raise CallIdError(
            f"All {len(each)} ids in call_id are missing: no call was placed that this task can wait for."
        )
    return given, len(each) - len(given)


def _is_missing(one: object) -> bool:
    # The task of a skipped call has no XCom, which a template renders as "None".
    return one is None or (isinstance(one, str) and one.strip() in {"", "None"})


def _checked(one: object) -> str:
    if not isinstance(one, str):
        raise CallIdError(f"call_id must contain strings, not {type(one).__name__}.")
    if _RENDERED_OBJECT.match(one):
        raise CallIdError(
            "call_id is a string made of a list or another object, not an id. Pass the output of the task itself, such "
            "as call_id=calls.output, or set render_template_as_native_obj=True on the DAG."
        )
    return one
