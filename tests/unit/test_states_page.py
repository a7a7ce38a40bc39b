"""docs/states.md says what the table of transitions says."""

import re
import runpy
from pathlib import Path

from angarium.contracts.statuses import TRANSITIONS

ROOT = Path(__file__).parents[2]


def test_the_page_is_what_the_generator_writes() -> None:
    written = runpy.run_path(str(ROOT / "scripts/write_states.py"))["page"]()
    assert (ROOT / "docs/states.md").read_text(encoding="utf-8") == written, "run scripts/write_states.py"


def test_the_diagram_has_every_allowed_change_and_no_other() -> None:
    page = (ROOT / "docs/states.md").read_text(encoding="utf-8")
    drawn = set(re.findall(r"^  (\w+) --> (\w+)$", page, flags=re.MULTILINE))
    assert drawn == {(str(old), str(new)) for old, targets in TRANSITIONS.items() for new in targets}
