"""Prints the changelog's section for a tag's version. Used by the release workflow.

    python scripts/release_notes.py v1.2.3

Exits with 1 and an error message if the tag, `angarium.__version__` and CHANGELOG.md do not name the same version.
"""

import re
import sys
from pathlib import Path

from angarium import __version__

CHANGELOG = Path(__file__).resolve().parent.parent / "CHANGELOG.md"


def notes(tag: str, changelog: str) -> str:
    """The text between the heading `## [1.2.3] - …` and the next version's heading. Raises ValueError."""
    version = tag.removeprefix("v")
    if version != __version__:
        raise ValueError(f"the tag is {tag}, the package's version {__version__}")
    section = re.search(
        rf"^## \[{re.escape(version)}\][^\n]*\n(.*?)(?=^## \[|^\[[^\]]+\]: |\Z)", changelog, re.MULTILINE | re.DOTALL
    )
    if section is None or not section[1].strip():
        raise ValueError(f"CHANGELOG.md has no section for {version}")
    return section[1].strip() + "\n"


if __name__ == "__main__":
    try:
        print(notes(sys.argv[1], CHANGELOG.read_text(encoding="utf-8")), end="")
    except ValueError as error:
        sys.exit(str(error))
