"""Merges the metrics of several processes into one exposition (Prometheus text format 0.0.4)."""

from collections.abc import Iterator, Mapping

_HELP = "# HELP "


def merged(own: bytes, others: Mapping[str, bytes]) -> bytes:
    """`own`, with the series of `others` added to their families and labelled `process="name"`.

    All processes have the same metrics, so families that `own` does not have are omitted.
    """
    added: dict[str, list[str]] = {}
    for process, text in others.items():
        for family, lines in _families(text):
            added.setdefault(family, []).extend(_labelled(line, process) for line in lines if not line.startswith("#"))
    whole = (line for family, lines in _families(own) for line in (*lines, *added.get(family, ())))
    return "".join(f"{line}\n" for line in whole).encode()


def _families(text: bytes) -> Iterator[tuple[str, list[str]]]:
    """The name and the lines of each family."""
    name, lines = "", list[str]()
    for line in text.decode().split("\n"):
        if line.startswith(_HELP):
            yield name, lines
            name, lines = line.removeprefix(_HELP).partition(" ")[0], []
        if line:
            lines.append(line)
    yield name, lines


def _labelled(line: str, process: str) -> str:
    """A series with the label `process` added. The name of a metric has no braces or spaces."""
    brace, space = line.find("{"), line.find(" ")
    if 0 <= brace < space:
        return f'{line[: brace + 1]}process="{process}",{line[brace + 1 :]}'
    return f'{line[:space]}{{process="{process}"}}{line[space:]}'
