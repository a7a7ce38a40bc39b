"""Writes generated tables into docs/performance.md, between two comments with the table's name."""

from pathlib import Path

PAGE = Path(__file__).parent.parent / "docs" / "performance.md"


def with_section(page: str, name: str, content: str) -> str:
    """`page` with `content` between `<!-- name -->` and `<!-- end of name -->`. Raises ValueError without these."""
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    before, found, rest = page.partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"the page has no section {name!r}")
    return f"{before}{begin}\n{content.strip()}\n{end}{after}"


def keep_section(name: str, content: str) -> None:
    """Write `content` to its section in docs/performance.md."""
    PAGE.write_text(with_section(PAGE.read_text(), name, content))
