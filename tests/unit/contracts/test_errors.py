"""docs/errors.md lists every error of the API and every reason of a notification."""

import re
from collections.abc import Iterator
from pathlib import Path

from angarium.contracts.errors import Rejected

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/errors.md").read_text(encoding="utf-8")
GIVEN = (
    r'Reason\(\s*"([a-z_]+)"',
    r'(?:\bcode|\bcode: str) ?= ?"([a-z_]+)"',
    r'(?:_CODE|\bCODE|BOUNCED|UNDELIVERABLE) = "([a-z_]+)"',
)
REASON = re.compile("|".join(GIVEN))
LISTED = set(re.findall(r"`([a-z_]+)`", PAGE))


def kinds(kind: type[Rejected]) -> Iterator[type[Rejected]]:
    yield kind
    for below in kind.__subclasses__():
        yield from kinds(below)


def test_every_error_is_listed_with_its_status() -> None:
    for kind in kinds(Rejected):
        assert re.search(rf"^\| `{kind.code}` \| {int(kind.http_status)} \|", PAGE, re.MULTILINE), kind.code


def test_every_reason_is_listed() -> None:
    """Found in the source: codes are written where they are given."""
    sources = (ROOT / "src/angarium").rglob("*.py")
    texts = [path.read_text(encoding="utf-8") for path in sources if "http" not in path.parts]
    found = {"".join(groups) for text in texts for groups in REASON.findall(text)}
    assert len(found) > 20
    assert found - LISTED == set()
