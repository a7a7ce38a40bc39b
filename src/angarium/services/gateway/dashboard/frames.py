"""Shows an email as a client in light or dark mode does, regardless of the browser's own mode."""

import re
from enum import StrEnum

_DARK = re.compile(r"prefers-color-scheme\s*:\s*dark", re.IGNORECASE)
_LIGHT = re.compile(r"prefers-color-scheme\s*:\s*light", re.IGNORECASE)
_HEAD = re.compile(r"<head[^>]*>|<!doctype[^>]*>", re.IGNORECASE)
_HEAD_WITHIN = 10_000
"""Only the first characters of a document are searched for the start of its head."""
_ALWAYS, _NEVER = "min-width:0", "max-width:0"
"""Media conditions that match every window, and no window (Media Queries 4 §4.1)."""


class Mode(StrEnum):
    """The mode of an email client. Also the value of the query parameter `look`."""

    LIGHT = "light"
    DARK = "dark"


def with_mode(html: str, look: Mode) -> str:
    """`html` with its `prefers-color-scheme` rules fixed to the mode, and with the default colours of the mode.

    Colours that the email sets itself are kept. Some real clients change them.
    """
    dark, light = (_ALWAYS, _NEVER) if look is Mode.DARK else (_NEVER, _ALWAYS)
    ruled = _LIGHT.sub(light, _DARK.sub(dark, html))
    places = list(_HEAD.finditer(ruled[:_HEAD_WITHIN]))
    at = places[-1].end() if places else 0
    return f"{ruled[:at]}<style>:root{{color-scheme:{look}!important}}</style>{ruled[at:]}"
