"""Filters that format numbers, money and times for a locale with CLDR (Babel).

The locale is the recipient's if the template has text in its language: `de-CH` gets Swiss numbers in a German text. In
plain text the spaces in numbers are ordinary ones, which do not change an SMS's encoding. Other values are returned
unchanged.
"""

import re
from collections.abc import Callable
from datetime import datetime, tzinfo
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import Any, Protocol

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_datetime, format_time, get_timezone
from babel.numbers import NumberPattern, format_currency, parse_pattern
from liquid import Environment
from liquid.exceptions import FilterArgumentError
from liquid.filter import with_context
from liquid.undefined import is_undefined

from angarium.rendering.dates import to_moment

MOST = Decimal("1e21")
"""Numbers from this limit on are returned unchanged, since they would be long when written out."""
MOST_DECIMALS = 20
LENGTHS = ("short", "medium", "long", "full")
_SPACES = str.maketrans({"\u00a0": " ", "\u202f": " "})
_CURRENCY = re.compile(r"[A-Z]{3}")
_FALLBACK = "en"


class Speaking(Protocol):
    """A rendering context with a locale."""

    @property
    def env(self) -> Environment: ...

    @property
    def locale(self) -> str: ...


@with_context
def number(value: Any, decimals: Any = None, *, context: Speaking) -> Any:
    """`{{ 1234.5 | number }}`: 1,234.5 or 1.234,5; `number: 2` has two decimals."""
    places = _places("number", decimals)
    return _amount(
        value, context, lambda amount, locale: _applied(locale.decimal_formats[None], amount, locale, places)
    )


@with_context
def percent(value: Any, decimals: Any = None, *, context: Speaking) -> Any:
    """`{{ 0.256 | percent }}`: 26% or 26 %; `percent: 1` has one decimal."""
    places = _places("percent", decimals)
    return _amount(
        value, context, lambda amount, locale: _applied(locale.percent_formats[None], amount, locale, places)
    )


@with_context
def currency(value: Any, code: Any, *, context: Speaking) -> Any:
    """`{{ 1234.5 | currency: 'EUR' }}`: €1,234.50 or 1.234,50 €, by the currency's ISO 4217 code."""
    if not _CURRENCY.fullmatch(str(code)):
        raise FilterArgumentError("currency: needs a code such as 'EUR'", token=None)
    return _amount(value, context, lambda amount, locale: format_currency(amount, str(code), locale=locale))


Write = Callable[[datetime, str, Locale, tzinfo], str]


def _time_filter(name: str, write: Write) -> Callable[..., Any]:
    """`{{ at | local_date: 'long', 'Europe/Berlin' }}`: a time in a time zone, by default UTC."""

    @with_context
    def written(value: Any, length: Any = "medium", timezone: Any = "UTC", *, context: Speaking) -> Any:
        length, timezone = _given(length) or "medium", _given(timezone) or "UTC"
        if length not in LENGTHS:
            raise FilterArgumentError(f"{name}: needs one of {', '.join(LENGTHS)}", token=None)
        if value is None or is_undefined(value):
            return ""
        moment = to_moment(value)
        return (
            value if moment is None else _plain(write(moment, length, _locale(context), _zone(name, timezone)), context)
        )

    return written


local_date = _time_filter(
    "local_date", lambda moment, length, locale, zone: format_date(moment.astimezone(zone), length, locale)
)
local_time = _time_filter("local_time", lambda moment, length, locale, zone: format_time(moment, length, zone, locale))
local_datetime = _time_filter(
    "local_datetime", lambda moment, length, locale, zone: format_datetime(moment, length, zone, locale)
)
FILTERS = MappingProxyType(
    {
        "number": number,
        "percent": percent,
        "currency": currency,
        "local_date": local_date,
        "local_time": local_time,
        "local_datetime": local_datetime,
    }
)


def _amount(value: Any, context: Speaking, write: Callable[[Decimal, Locale], str]) -> Any:
    if value is None or is_undefined(value):
        return ""
    try:
        amount = Decimal(str(value)) if not isinstance(value, bool) else None
    except InvalidOperation:
        return value
    if amount is None or not amount.is_finite() or abs(amount) >= MOST:
        return value
    return _plain(write(amount, _locale(context)), context)


def _applied(pattern: NumberPattern, amount: Decimal, locale: Locale, places: int | None) -> str:
    own = parse_pattern(pattern.pattern)  # the given environment is shared by all renderings
    own.frac_prec = pattern.frac_prec if places is None else (places, places)
    text: str = own.apply(amount, locale)
    return text


def _given(argument: Any) -> Any:
    """None for an argument that is a missing variable."""
    return None if is_undefined(argument) else argument


def _places(name: str, decimals: Any) -> int | None:
    if decimals is None or is_undefined(decimals):
        return None
    if not str(decimals).isdecimal() or int(decimals) > MOST_DECIMALS:
        raise FilterArgumentError(f"{name}: decimals must be from 0 to {MOST_DECIMALS}", token=None)
    return int(decimals)


def _locale(context: Speaking) -> Locale:
    try:
        return Locale.parse(context.locale.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        return Locale(_FALLBACK)


def _zone(name: str, timezone: Any) -> tzinfo:
    try:
        return get_timezone(str(timezone))
    except (LookupError, ValueError, OSError):
        raise FilterArgumentError(f"{name}: needs a time zone such as 'Europe/Paris'", token=None) from None


def _plain(text: str, context: Speaking) -> str:
    return text if context.env.autoescape else text.translate(_SPACES)
