"""SVG line charts: panels one below the other with a common horizontal axis."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from benchmarks.statistics import shown

_LEFT, _WIDTH, _RIGHT, _HEIGHT, _GAP, _TOP = 70, 640, 150, 150, 40, 30
_COLOURS = ("#0b7285", "#e8590c", "#5f3dc4", "#2b8a3e", "#c2255c", "#495057")
_STYLE = (
    "<style>text{font:12px system-ui,sans-serif;fill:#1f2933}.title{font-weight:600}"
    "path{fill:none;stroke-width:1.5}.axis{stroke:#adb5bd}rect.back{fill:#fff}</style>"
)


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel with a line for each name; all have the same number of values, at equal distances."""

    title: str
    lines: Mapping[str, Sequence[float]]


def line_chart(panels: Sequence[Panel], length: float, unit: str) -> str:
    """The chart of `panels`. `length`: the end of the horizontal axis, in `unit`."""
    height = _TOP + len(panels) * (_HEIGHT + _GAP)
    size = f'width="{_LEFT + _WIDTH + _RIGHT}" height="{height}"'
    drawn = [_panel(panel, _TOP + place * (_HEIGHT + _GAP)) for place, panel in enumerate(panels)]
    end = f'<text x="{_LEFT + _WIDTH}" y="{height - 14}" text-anchor="end">{shown(length)} {escape(unit)}</text>'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">{_STYLE}'
    return "\n".join([head, '<rect class="back" width="100%" height="100%"/>', *drawn, end, "</svg>"]) + "\n"


def _panel(panel: Panel, top: int) -> str:
    highest = max((max(values) for values in panel.lines.values() if values), default=1.0) or 1.0
    bottom = top + _HEIGHT
    parts = [
        f'<text class="title" x="{_LEFT}" y="{top - 8}">{escape(panel.title)}</text>',
        f'<text x="{_LEFT - 6}" y="{top + 10}" text-anchor="end">{shown(highest)}</text>',
        f'<text x="{_LEFT - 6}" y="{bottom}" text-anchor="end">0</text>',
        f'<line class="axis" x1="{_LEFT}" y1="{bottom}" x2="{_LEFT + _WIDTH}" y2="{bottom}"/>',
    ]
    for place, (name, values) in enumerate(panel.lines.items()):
        colour = _COLOURS[place % len(_COLOURS)]
        step = _WIDTH / max(1, len(values) - 1)
        points = " ".join(
            f"{'L' if number else 'M'}{_LEFT + number * step:.1f},{bottom - value / highest * _HEIGHT:.1f}"
            for number, value in enumerate(values)
        )
        parts.append(f'<path d="{points}" stroke="{colour}"/>')
        parts.append(
            f'<text x="{_LEFT + _WIDTH + 8}" y="{top + 14 + place * 16}" style="fill:{colour}">{escape(name)}</text>'
        )
    return "\n".join(parts)
