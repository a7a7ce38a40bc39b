"""Prints the changelog's section of the version that a tag names; the release workflow runs it.

    python scripts/release_notes.py v1.2.3

Exits with 1 and one line where the tag, `angarium.__version__` and CHANGELOG.md do not name the same version.
"""

import re
import sys
from pathlib import Path

from angarium import __version__

CHANGELOG = Path(__file__).resolve().parent.parent / "CHANGELOG.md"


def notes(tag: str, changelog: str) -> str:
    """The text below the heading `## [1.2.3] - …`, up to the next version's. Raises ValueError."""
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
