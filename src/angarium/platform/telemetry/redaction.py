"""Removes bodies, addresses, tokens and secrets from log fields: by key, and in free text by pattern."""

import re
from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from angarium.contracts.sensitive import SENSITIVE

FREE_TEXT: Final = frozenset({"answer", "detail", "error", "event", "exception", "message", "reason"})
"""Keys whose text may quote input, such as an error message."""

_SHAPES: Final = (
    (re.compile(r"://[^\s/@]*@"), "://[credentials]@"),
    (re.compile(r"[^\s<>\"'(),;:=]+@[^\s<>\"'(),;:=]+"), "[address]"),
    (re.compile(r"\+\d{6,15}\b"), "[phone]"),
    (re.compile(r"\bang_(?:live|test)_\w+"), "[key]"),
    (re.compile(r"\bwhsec_[\w+/=-]+"), "[secret]"),
    (re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]*"), "[token]"),
)
_HARMLESS: Final = frozenset({int, float, bool, type(None), UUID})
_HINTS: Final = ("@", "+", "ang_", "eyJ", "whsec_")


def scrub(text: str) -> str:
    """`text` with everything replaced that looks like an address, a phone number, a credential, a key or a token."""
    if not any(hint in text for hint in _HINTS):
        return text
    for shape, word in _SHAPES:
        text = shape.sub(word, text)
    return text


def clean(fields: Mapping[str, Any]) -> dict[str, Any]:
    """`fields` without the sensitive ones and with free text scrubbed."""
    return {
        name: value if type(value) in _HARMLESS else _clean_value(name, value)
        for name, value in fields.items()
        if name not in SENSITIVE
    }


def _clean_value(name: str, value: Any) -> Any:
    if type(value) in _HARMLESS:  # for items of lists
        return value
    if isinstance(value, str):
        return scrub(value) if name in FREE_TEXT else value
    if isinstance(value, Mapping):
        return clean(value)
    if isinstance(value, BaseException):
        return scrub(f"{type(value).__name__}: {value}")
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean_value(name, item) for item in value]
    return value
