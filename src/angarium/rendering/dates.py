"""Liquid's `date` filter, always in UTC, so that the result does not depend on the machine's time zone."""

from datetime import UTC, date, datetime, time
from typing import Any

from dateutil import parser
from liquid import Environment
from liquid.exceptions import FilterArgumentError
from liquid.filter import liquid_filter, with_environment
from liquid.undefined import is_undefined
from markupsafe import Markup

_NOW = ("now", "today")


@with_environment
@liquid_filter
def date_filter(value: Any, form: Any, *, environment: Environment) -> str:
    """Format `value` with the strftime format `form`.

    A value is a datetime, seconds since 1970 as a number or digits, a date as text (UTC by default), `now` or `today`.
    Other values are returned as text, as in Liquid's reference implementation; null is empty.
    """
    if value is None or is_undefined(value):
        return ""
    moment = None if is_undefined(form) or form is None else to_moment(value)
    if moment is None:
        return value if isinstance(value, str) else str(value).lower()
    try:
        # strftime reads the seconds of `%s` in the zone of the machine
        written = moment.strftime(str(form).replace("%s", str(int(moment.timestamp()))))
    except ValueError as error:
        raise FilterArgumentError(f"date: {error}", token=None) from error
    return Markup(written) if environment.autoescape and isinstance(form, Markup) else written  # noqa: S704 - as safe as the format


def to_moment(value: object) -> datetime | None:
    """Convert `value` to an aware datetime; None if it is not a date."""
    match value:
        case datetime():
            return value if value.tzinfo is not None else value.replace(tzinfo=UTC)
        case date():
            return datetime.combine(value, time.min, UTC)
        case str():
            return _from_text(value)
        case int() | float() if not isinstance(value, bool):
            return _from_seconds(value)
        case _:
            return None


def _from_seconds(seconds: float) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError):
        return None


def _from_text(text: str) -> datetime | None:
    if text in _NOW:
        return datetime.now(UTC)
    if text.isdecimal():
        return _from_seconds(int(text))
    try:
        found: datetime = parser.parse(
            text, default=datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        )
    except (parser.ParserError, OverflowError, TypeError, ValueError):
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
