"""Plain English: words and phrases that the project does not use, in docstrings, comments, pages and names of tests.

`tests/unit/words.txt` counts those that are left, by place; the one in docs is the title of an accepted decision.
A count can only become smaller: write a sentence as the documentation of httpx, Stripe or PostgreSQL would, and lower
the number.
"""

import ast
import io
import re
import tokenize
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BASELINE = Path(__file__).with_name("words.txt")
UNUSED = {
    r"nobody": "no user, no caller; or turn the sentence round",
    r"who(?:m|so)?ever": "the caller, the client, the worker that …",
    r"for ever": "without expiry, until cancelled",
    r"none of ours": "foreign, unknown",
    r"(?:is|are|be|was|were|been) told": "receives, is notified",
    r"stands? for": "is, means",
    r"as (?:it|they) stands?": "current",
    r"(?:is|are|be) heard|hears?": "receives, detects",
    r"owe[ds]?": "pending, due",
    r"rung": "invalidated, notified",
    r"mend(?:s|ed|ing)?": "fix, repair, reconnect",
    r"lays? (?:\w+ )?over": "add, override",
    r"(?:comes?|came) to nothing": "fails",
    r"of its own accord": "automatically",
    r"knows? of no": "has no",
    r"has (?:it )?to hand": "has",
    r"no more than that": "only",
    r"to blame": "the cause",
    r"lest|whereby|thereof|therein|thereby|hitherto|henceforth": "because, so that",
    r"in vain": "without effect",
    r"left in peace": "not called, not changed",
    r"living lease": "valid lease",
    r"(?:stays?|belongs? to) its owner(?:'s)?": "the caller closes it",
    r"one form for (?:all|every)": "the same for every …",
    r"in words that anyone": "without confidential details",
    r"what it means that": "the outcome if",
    r"at hand": "current, available",
    r"anew": "again, new",
    r"ever (?:more|less|later)": "increasingly, at increasing intervals",
    r"dearest": "most expensive",
    r"whose turn": "the current one",
    r"wishes": "preferences",
    r"telephones?": "phone",
    r"by (?:day|night)": "in light colours, in dark colours",
    r"(?:throws?|thrown) away": "discards, deletes",
    r"sees? to it": "ensures",
    r"parted by": "separated by",
    r"put right": "corrected",
    r"word for word": "unchanged",
    r"ails?|ailing": "fails",
    r"until further notice": "until it is set to auto, until resumed",
    r"takes? the place of": "replaces",
    r"in somebody's name": "on behalf of",
    r"fit to print": "for the user",
    r"words for a person": "a message for the user",
    r"once for all who": "once for every viewer",
    r"costs? its own": "only its part is missing",
}
"""A pattern of whole words, and what is written instead."""
PATTERN = re.compile(rf"\b(?:{'|'.join(UNUSED)})\b", re.IGNORECASE)
PAGES = ("*.md", "docs/**/*.md")
CODE = ("src/**/*.py", "tests/**/*.py", "scripts/*.py", "benchmarks/**/*.py")
EXEMPT = {"CHANGELOG.md", "tests/unit/test_words.py"}
"""What has been released stays as it was; and this page names the words. Accepted decisions are not edited either."""


def prose(path: Path) -> Iterator[str]:
    """What a file says to a reader: a page's text without its code, or docstrings, comments and the names of tests."""
    text = path.read_text(encoding="utf-8")
    if not unused_words(text.replace("_", " ")):
        return  # most files: parsing them takes seconds
    if path.suffix == ".md":
        yield re.sub(r"```.*?```|`[^`\n]*`|\]\([^)]*\)", " ", text, flags=re.DOTALL)
        return
    yield from (
        token.string for token in tokenize.generate_tokens(io.StringIO(text).readline) if token.type == tokenize.COMMENT
    )
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.value.value  # a docstring, also below an attribute
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            yield node.name.replace("_", " ")


def unused_words(text: str) -> list[str]:
    """The words and phrases in `text` that the project does not use; a line break is a space."""
    return [match.group().lower() for match in PATTERN.finditer(" ".join(text.split()))]


def place(path: Path) -> str:
    """A package of two levels, or a folder of tests, or a page."""
    parts = path.relative_to(ROOT).parts
    if path.suffix == ".md":
        return "docs" if parts[0] == "docs" else "pages"
    if parts[0] == "src":
        return "/".join(parts[2:-1][:2]) or "angarium"
    return "/".join(parts[:-1][: 3 if parts[:2] == ("tests", "unit") else 2])


@cache
def counted() -> Mapping[str, int]:
    """How many there are in each place."""
    found: Counter[str] = Counter()
    for pattern in (*PAGES, *CODE):
        for path in ROOT.glob(pattern):
            if not _exempt(path):
                found[place(path)] += sum(len(unused_words(text)) for text in prose(path))
    return {name: count for name, count in sorted(found.items()) if count}


def _exempt(path: Path) -> bool:
    name = path.relative_to(ROOT).as_posix()
    return name in EXEMPT or re.match(r"docs/decisions/\d", name) is not None


def baseline() -> Mapping[str, int]:
    """What is still allowed in each place."""
    lines = [line.split() for line in BASELINE.read_text(encoding="utf-8").splitlines()]
    return {name: int(count) for name, count in lines}


def test_no_place_has_more_than_before() -> None:
    allowed = baseline()
    assert {name: count for name, count in counted().items() if count > allowed.get(name, 0)} == {}, (
        "tests/unit/test_words.py lists the words and what to write instead"
    )


def test_the_baseline_shrinks_with_what_it_counts() -> None:
    found = counted()
    assert {name: found.get(name, 0) for name, count in baseline().items() if count > found.get(name, 0)} == {}, (
        "well done: write the smaller numbers into tests/unit/words.txt"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Nobody claims it.", ["nobody"]),
        ("Whoever asks\n    waits for\n    ever.", ["whoever", "for ever"]),
        ("The user is told; the gateway hears it.", ["is told", "hears"]),
        ("test that mends what is owed".replace("_", " "), ["mends", "owed"]),
        ("It stands for the caller.", ["stands for"]),
        ("A recommended amendment shared forever.", []),
        ("The header follows.", []),
    ],
)
def test_unused_words_are_found_as_whole_words(text: str, expected: list[str]) -> None:
    assert unused_words(text) == expected


def test_code_is_read_for_docstrings_comments_and_names_of_tests(tmp_path: Path) -> None:
    path = tmp_path / "test_x.py"
    path.write_text(
        '"""Nobody."""\nX = "nobody"  # a comment\n"""Of X."""\n\n\ndef test_a_name() -> None:\n    """Function."""\n',
        encoding="utf-8",
    )
    assert sorted(prose(path)) == ["# a comment", "Function.", "Nobody.", "Of X.", "test a name"]


def test_pages_are_read_without_their_code(tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    path.write_text("A `nobody` [link](nobody.md).\n```\nnobody\n```\nEnd.\n", encoding="utf-8")
    [text] = prose(path)
    assert text.split() == ["A", "[link", ".", "End."]
