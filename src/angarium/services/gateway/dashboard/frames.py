"""A mail in a frame, as a light or a dark client shows it, whatever the operator's own browser is set to."""

import re
from enum import StrEnum

_DARK = re.compile(r"prefers-color-scheme\s*:\s*dark", re.IGNORECASE)
_LIGHT = re.compile(r"prefers-color-scheme\s*:\s*light", re.IGNORECASE)
_HEAD = re.compile(r"<head[^>]*>|<!doctype[^>]*>", re.IGNORECASE)
_HEAD_WITHIN = 10_000
"""Characters in which a document's head begins."""
_ALWAYS, _NEVER = "min-width:0", "max-width:0"
"""Conditions that hold for every window and for none (Media Queries 4 §4.1)."""


class Look(StrEnum):
    """How the client of a mail is set."""

    LIGHT = "light"
    DARK = "dark"


def looking(html: str, look: Look) -> str:
    """`html` with its rules for clients of that look in force, and for the other kind not, on the ground of the look.

    What the mail colours itself keeps its colour. Real clients differ: some change colours that were meant to stay.
    """
    dark, light = (_ALWAYS, _NEVER) if look is Look.DARK else (_NEVER, _ALWAYS)
    ruled = _LIGHT.sub(light, _DARK.sub(dark, html))
    places = list(_HEAD.finditer(ruled[:_HEAD_WITHIN]))
    at = places[-1].end() if places else 0
    return f"{ruled[:at]}<style>:root{{color-scheme:{look}!important}}</style>{ruled[at:]}"
