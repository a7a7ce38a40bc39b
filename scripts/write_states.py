"""Writes docs/states.md from the table of transitions: `.venv/bin/python scripts/write_states.py`."""

import ast
import inspect
import re
from pathlib import Path

from angarium.contracts import statuses
from angarium.contracts.statuses import TRANSITIONS, UNFINISHED, Status, delivery_status

PAGE = Path(__file__).parents[1] / "docs/states.md"
_HEAD = """# States of a notification

Made by `scripts/write_states.py` from the table `TRANSITIONS` in `src/angarium/contracts/statuses.py`, the only judge
of a change: every `UPDATE` is conditional on it. A test fails when this page says something else. *Unfinished* ones
the system itself must still move on; where `may become` is empty is the end.
"""


def page() -> str:
    """The page as it should be."""
    return f"{_HEAD}\n{_diagram()}\n{_table()}"


def _diagram() -> str:
    arrows = [f"  {old} --> {new}" for old in Status for new in Status if new in TRANSITIONS[old]]
    ends = [f"  {status} --> [*]" for status in Status if not TRANSITIONS[status]]
    starts = [f"  [*] --> {status}" for status in (Status.PENDING, Status.SCHEDULED)]
    return "\n".join(["```mermaid", "stateDiagram-v2", *starts, *arrows, *ends, "```", ""])


def _table() -> str:
    words = _comments()
    rows = [
        f"| `{status}` | {words[status.name]} | {_targets(status)} | {'yes' if status in UNFINISHED else ''} "
        f"| `{delivery_status(status)}` |"
        for status in Status
    ]
    head = ["| status | meaning | may become | unfinished | `delivery_status` |", "|---|---|---|---|---|"]
    return "\n".join([*head, *rows, ""])


def _targets(status: Status) -> str:
    return ", ".join(f"`{new}`" for new in Status if new in TRANSITIONS[status])


def _comments() -> dict[str, str]:
    """What the enum's comments say of each state, without their arrows."""
    source = inspect.getsource(statuses)
    lines = source.splitlines()
    enum = next(
        node for node in ast.parse(source).body if isinstance(node, ast.ClassDef) and node.name == Status.__name__
    )
    found = {}
    for node in enum.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            comment = lines[node.lineno - 1].partition("# ")[2]
            found[node.targets[0].id] = re.split(r" → ", comment)[0].strip()
    return found


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
