"""Accepted decisions are not edited: each page in docs/decisions is what its digest says."""

import hashlib
import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "docs/decisions"
DIGESTS = FOLDER / "digests.txt"
"""A line for each page: the digest, two spaces, the file."""
STATUS = re.compile(r"(Accepted|Superseded by \[\d{4}\]\(\d{4}-[\w-]+\.md\)), [A-Z][a-z]+ \d{4}\b")
PAGE = """\
# 0007: A choice

Accepted, November 2026

## Context

Why.
"""


def digest(text: str) -> str:
    """Of a page's title and sections. Line breaks don't count, and neither does the status below the title."""
    title, _, rest = text.partition("\n")
    sections = rest[rest.index("\n## ") :]
    return hashlib.sha256(" ".join(f"{title} {sections}".split()).encode()).hexdigest()[:32]


def status(text: str) -> str:
    """The paragraph between a page's title and its first section."""
    return text.partition("\n")[2].partition("\n## ")[0].strip()


def _pages() -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("[0-9]*.md"))}


def _recorded() -> dict[str, str]:
    lines = [line.split("  ") for line in DIGESTS.read_text(encoding="utf-8").splitlines()]
    return {name: recorded for recorded, name in lines}


def test_every_accepted_page_is_unchanged() -> None:
    pages, recorded = _pages(), _recorded()
    changed = [name for name in recorded if name not in pages or digest(pages[name]) != recorded[name]]
    assert changed == [], "a decision is not edited: write a new page that supersedes it, and name it in the status"


def test_every_page_has_a_digest() -> None:
    missing = [f"{digest(text)}  {name}" for name, text in _pages().items() if name not in _recorded()]
    assert missing == [], "add these lines to docs/decisions/digests.txt"


def test_every_page_says_when_it_was_accepted_or_what_supersedes_it() -> None:
    pages = _pages()
    assert [name for name, text in pages.items() if not STATUS.match(status(text))] == []
    superseding = [name for text in pages.values() for name in re.findall(r"\((\d{4}-[\w-]+\.md)\)", status(text))]
    assert [name for name in superseding if name not in pages] == []


@pytest.mark.parametrize(
    ("changed", "counts"),
    [
        (PAGE.replace("Why.", "Why not."), True),
        (PAGE.replace("A choice", "Another choice"), True),
        (PAGE.replace("Context", "Consequences"), True),
        (f"{PAGE}\n## More\n", True),
        (PAGE.replace("Accepted, November 2026", "Superseded by [0008](0008-a-new-choice.md), December 2026"), False),
        (PAGE.replace("Why.", "Why.\n"), False),
    ],
)
def test_a_digest_changes_with_the_words_and_not_with_the_status(changed: str, counts: bool) -> None:
    assert (digest(changed) != digest(PAGE)) is counts


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("Accepted, November 2026", True),
        ("Accepted, November 2026. Narrows [0003](0003-events-in-the-row.md).", True),
        ("Superseded by [0025](0025-opt-outs.md), November 2026.", True),
        ("Superseded, November 2026", False),
        ("Accepted", False),
        ("", False),
    ],
)
def test_a_status_is_accepted_or_superseded_with_a_date(text: str, fits: bool) -> None:
    assert bool(STATUS.match(text)) is fits
