"""Lenient parsing of JSON from webhooks, into values that every database and JSON parser accepts."""

from __future__ import annotations

import json
import math
import re
from typing import Any

MAX_DEPTH = 100
"""Far below the interpreter's limit, so that a body is parsed the same way on arrival and later."""

_LEAST, _GREATEST = -(2**63), 2**63 - 1
_LONGEST_INTEGER = len(str(_LEAST))
_UNUSABLE = re.compile("[\0\ud800-\udfff]")
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
# An unterminated string is one token too, so that each character is scanned once.
_TOKEN = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[\]{}]', re.DOTALL)


def read_json(body: bytes) -> Any:
    """Parse JSON. NaN, infinities, integers beyond 64 bits and values nested too deeply become null.

    NUL, lone surrogates and bytes that are invalid in the body's encoding are replaced by U+FFFD.

    :raises ValueError: if it is not valid JSON.
    """
    text = body.decode(json.detect_encoding(body), "replace")
    try:
        value = json.loads(
            _cut(text),
            # Accept unescaped control characters in strings.
            strict=False,
            parse_int=_integer,
            parse_float=_float,
            parse_constant=lambda _: None,
        )
    except RecursionError:
        raise ValueError from None
    return _clean(value) if "\\u" in text or "\0" in text else value


def _cut(text: str) -> str:
    """Replace values that are nested too deeply by null."""
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return text
    depth = start = 0
    kept = []
    for token in _TOKEN.finditer(text):
        if token[0] in "[{":
            depth += 1
            if depth == MAX_DEPTH + 1:
                kept += [text[start : token.start()], "null"]
        elif token[0] in "]}":
            depth -= 1
            if depth == MAX_DEPTH:
                start = token.end()
    return "".join([*kept, text[start:]]) if depth <= MAX_DEPTH else "".join(kept)


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return _UNUSABLE.sub(_REPLACEMENT, value)
    if isinstance(value, list):
        return [_clean(each) for each in value]
    if isinstance(value, dict):
        return {_clean(name): _clean(each) for name, each in value.items()}
    return value


def _integer(digits: str) -> int | None:
    # The interpreter rejects integers of thousands of digits.
    value = int(digits) if len(digits) <= _LONGEST_INTEGER else _GREATEST + 1
    return value if _LEAST <= value <= _GREATEST else None


def _float(digits: str) -> float | None:
    value = float(digits)
    return value if math.isfinite(value) else None
