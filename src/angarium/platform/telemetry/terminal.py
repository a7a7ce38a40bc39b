"""Makes text from outside safe to print on a terminal."""

import re

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""Control characters, except tab and line feed, and Unicode's line separators and direction overrides."""
_BREAKS = re.compile(r"[\t\n]")


def printable(text: str) -> str:
    """`text` with control characters escaped, except tabs and line feeds."""
    return _CONTROL.sub(_escaped, text)


def on_one_line(text: str) -> str:
    """As `printable`, with tabs and line feeds escaped too."""
    return _BREAKS.sub(_escaped, printable(text))


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()
