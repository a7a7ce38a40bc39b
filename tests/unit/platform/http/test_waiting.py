"""`Retry-After`, as seconds and as a date."""

from datetime import UTC, datetime, timedelta

import pytest

from angarium.platform.http.waiting import parse_retry_after

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0),
        ("7", 7),
        ("Fri, 20 Nov 2026 09:01:00 GMT", 60),
        ("Friday, 20-Nov-26 09:01:00 GMT", 60),
        ("Fri Nov 20 09:01:00 2026", 60),
    ],
)
def test_seconds_and_dates_are_read(value: str, seconds: int) -> None:
    assert parse_retry_after(value, NOW) == timedelta(seconds=seconds)


@pytest.mark.parametrize("value", [None, "", "soon", "-1", "1e3", "²", "Fri, 20 Nov 2026 08:00:00 GMT"])
def test_a_retry_after_that_asks_for_no_wait_is_none(value: str | None) -> None:
    assert parse_retry_after(value, NOW) is None


def test_a_retry_after_is_bounded() -> None:
    assert parse_retry_after("9" * 400, NOW) == timedelta(days=365)
    assert parse_retry_after("Fri, 20 Nov 2099 09:01:00 GMT", NOW) == timedelta(days=365)
