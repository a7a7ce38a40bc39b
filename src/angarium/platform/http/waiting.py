"""Parses the wait that an HTTP answer requests."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

_LONGEST_WAIT = timedelta(days=365)


def parse_retry_after(value: str | None, now: datetime) -> timedelta | None:
    """The wait that the field `Retry-After` asks for (RFC 9110 §10.2.3): seconds or a date, at most a year.

    None: the field is missing or invalid, or the date is past.
    """
    if value is None:
        return None
    try:
        if value.isascii() and value.isdigit():
            return min(timedelta(seconds=min(int(value), 10**9)), _LONGEST_WAIT)
        moment = parsedate_to_datetime(value)
        wait = (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)) - now
        return min(wait, _LONGEST_WAIT) if wait > timedelta(0) else None
    except (ValueError, TypeError, OverflowError):
        return None
