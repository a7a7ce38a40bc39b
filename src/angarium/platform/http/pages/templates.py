"""Pages as Liquid templates, which escape every value. Values are mappings, lists, texts, numbers, times."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from liquid import Environment, PackageLoader
from markupsafe import Markup, escape

RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)")
Filter = Callable[..., object]


class Pages:
    """The templates in the folder `templates` of a package, parsed once. Layouts are inherited by `extends`."""

    def __init__(self, package: str, filters: Mapping[str, Filter] | None = None) -> None:
        loader = PackageLoader(package, ext=".html")
        self._environment = Environment(extra=True, autoescape=True, loader=loader)
        for name, made in {**FILTERS, **(filters or {})}.items():
            self._environment.add_filter(name, made)

    def render(self, name: str, values: Mapping[str, Any]) -> str:
        """The page `name` with `values`. Raises LiquidError for an invalid template, which tests detect."""
        return self._environment.get_template(name).render(**values)


def moment(value: object) -> object:
    """A time as `<time>`: to the second, in UTC. Scripts add the reader's local time."""
    found = _moment_of(value)
    if found is None:
        return "" if value is None else value
    at = found.astimezone(UTC)
    return Markup('<time datetime="{}">{}</time>').format(f"{at:%Y-%m-%dT%H:%M:%S.%fZ}", f"{at:%Y-%m-%d %H:%M:%S}")


def _moment_of(value: object) -> datetime | None:
    """Accepts a time or an RFC 3339 text."""
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str) or not RFC3339.fullmatch(value):
        return None
    return datetime.fromisoformat(value)


def number(value: object) -> object:
    """A number with thousands separators; fractions only below 10."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "" if value is None else value
    few = isinstance(value, float) and 0 < value < 10 and value != int(value)  # noqa: PLR2004 - two digits are enough
    return f"{value:.1f}" if few else f"{value:,.0f}"


def seconds(value: object) -> object:
    """A duration in a suitable unit: `850 ms`, `2.4 s`, `12 min`, `3 h`, `2 d`."""
    if not isinstance(value, int | float):
        return "–"
    for unit, size, below in (("ms", 0.001, 1), ("s", 1, 120), ("min", 60, 7200), ("h", 3600, 172_800)):
        if value < below:
            amount = value / size
            return f"{amount:.1f} {unit}" if unit == "s" and amount < 10 else f"{amount:.0f} {unit}"  # noqa: PLR2004
    return f"{value / 86_400:.0f} d"


def percent(value: object) -> object:
    """A fraction from 0 to 1 as a percentage."""
    if not isinstance(value, int | float):
        return "–"
    return f"{value * 100:.1f} %" if 0 < value < 0.1 else f"{value * 100:.0f} %"  # noqa: PLR2004 - below 10 %


def words(value: object) -> object:
    """An identifier as words: `retries_exhausted` becomes `retries exhausted`."""
    return escape(str(value).replace("_", " ")) if value is not None else ""


FILTERS: Mapping[str, Filter] = {
    "moment": moment,
    "number": number,
    "seconds": seconds,
    "percent": percent,
    "words": words,
}
