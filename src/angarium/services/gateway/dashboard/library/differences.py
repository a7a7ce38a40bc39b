"""Splits unified diffs into lines for the page."""

from collections.abc import Mapping, Sequence

_KINDS = {"+": "added", "-": "removed", "@": "place"}
_FILE_LINES = 2
"""The lines `---` and `+++` with the versions, which are left out: the page's heading has them."""


def lines_of(diff: str) -> Sequence[Mapping[str, str]]:
    """The lines of one part's diff, each with its kind: `added`, `removed`, `place` or `same`."""
    return [{"kind": _KINDS.get(line[:1], "same"), "text": line} for line in diff.split("\n")[_FILE_LINES:]]


def parts_of(diffs: Mapping[str, str]) -> Sequence[Mapping[str, object]]:
    """Each part that differs, with the lines of its diff."""
    return [{"name": name, "lines": lines_of(diff)} for name, diff in diffs.items()]
