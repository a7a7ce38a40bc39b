"""SVG bar charts, one per figure: the median of each system, with a line from the lowest to the highest repeat."""

from collections.abc import Sequence
from xml.sax.saxutils import escape

from benchmarks.results_file import Results
from benchmarks.statistics import Spread, shown

_LEFT, _WIDTH, _RIGHT, _BAR, _GAP, _TOP = 230, 420, 150, 20, 10, 40
_STYLE = (
    "<style>text{font:13px system-ui,sans-serif;fill:#1f2933}.title{font-weight:600;font-size:15px}"
    ".ours{fill:#0b7285}.theirs{fill:#adb5bd}.spread{stroke:#1f2933;stroke-width:1.5}rect.back{fill:#fff}</style>"
)
CHARTS: Sequence[tuple[str, str]] = (
    ("accept_64_rate", "Single accepts a second, 64 clients"),
    ("worker_rate", "Worker alone, mails a second"),
    ("end_to_end_rate", "End to end, notifications a second"),
    ("cpu_seconds_per_1000", "CPU seconds for 1,000 (less is better)"),
    ("latency_p50_ms", "Accept → DATA at 50/s, p50, ms (less is better)"),
    ("latency_p99_ms", "Accept → DATA at 50/s, p99, ms (less is better)"),
)
OURS = frozenset({"angarium", "embedded"})


def chart(results: Results, figure: str, title: str) -> str:
    """The chart of a figure, with all systems that have it."""
    found = [(name, spread) for name in results.systems if (spread := results.spread(name, figure))]
    scale = _WIDTH / max((spread.highest for _, spread in found), default=1)
    height = _TOP + len(found) * (_BAR + _GAP) + _GAP
    size = f'width="{_LEFT + _WIDTH + _RIGHT}" height="{height}"'
    bars = [
        _bar(results.titles[name], spread, scale, _TOP + row * (_BAR + _GAP), ours=name in OURS)
        for row, (name, spread) in enumerate(found)
    ]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img"><title>{escape(title)}</title>{_STYLE}'
    back = f'<rect class="back" width="100%" height="100%"/><text class="title" x="10" y="24">{escape(title)}</text>'
    return "\n".join([head, back, *bars, "</svg>"]) + "\n"


def _bar(title: str, spread: Spread, scale: float, top: int, *, ours: bool) -> str:
    middle = top + _BAR // 2
    low, high = _LEFT + spread.lowest * scale, _LEFT + spread.highest * scale
    kind = "ours" if ours else "theirs"
    return (
        f'<text x="{_LEFT - 8}" y="{middle + 5}" text-anchor="end">{escape(title)}</text>'
        f'<rect class="{kind}" x="{_LEFT}" y="{top}" width="{spread.median * scale:.1f}" height="{_BAR}"/>'
        f'<line class="spread" x1="{low:.1f}" y1="{middle}" x2="{high:.1f}" y2="{middle}"/>'
        f'<text x="{high + 8:.1f}" y="{middle + 5}">{shown(spread.median)}</text>'
    )
