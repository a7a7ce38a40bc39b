"""A unified diff as lines that a page shows."""

from collections.abc import Mapping, Sequence

_KINDS = {"+": "added", "-": "removed", "@": "place"}
_FILE_LINES = 2
"""`---` and `+++`, which name the versions; the page's heading does."""


def lines_of(diff: str) -> Sequence[Mapping[str, str]]:
    """The lines of one part's diff, each with its kind: `added`, `removed`, `place` or `same`."""
    return [{"kind": _KINDS.get(line[:1], "same"), "text": line} for line in diff.split("\n")[_FILE_LINES:]]


def parts_of(diffs: Mapping[str, str]) -> Sequence[Mapping[str, object]]:
    """Each part that differs."""
    return [{"name": name, "lines": lines_of(diff)} for name, diff in diffs.items()]
