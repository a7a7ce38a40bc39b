"""Retry delays and sums of times."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from angarium.contracts.durations import (
    LONGEST_RETRY,
    MOST_RETRIES,
    SHORTEST_RETRY,
    RetryDelays,
    check_retry_delays,
    later,
    stored_retry_delays,
)
from angarium.contracts.fields import LATEST

DELAYS: TypeAdapter[list[str]] = TypeAdapter(RetryDelays)
GOOD = ["10ms", "0.01s", "250ms", "1s", "1.5m", "24h", "1440m", "86400s"]
BAD = ["0ms", "9ms", "0.009999s", "24.1h", "70000000h", "9999999999h", "99999999999999999999h", "1e3s", "\u0663s", ""]


@pytest.mark.parametrize("delay", GOOD)
def test_a_retry_delay_lies_between_10_ms_and_24_hours(delay: str) -> None:
    assert DELAYS.validate_python([delay]) == [delay]


@pytest.mark.parametrize("delay", BAD)
def test_every_other_is_refused(delay: str) -> None:
    with pytest.raises(ValidationError):
        DELAYS.validate_python(["1s", delay])


def test_there_are_at_most_20() -> None:
    assert len(DELAYS.validate_python(["1s"] * MOST_RETRIES)) == MOST_RETRIES
    with pytest.raises(ValidationError):
        DELAYS.validate_python(["1s"] * (MOST_RETRIES + 1))
    with pytest.raises(ValueError, match="at most 20"):
        check_retry_delays([timedelta(seconds=1)] * (MOST_RETRIES + 1))


@given(st.lists(st.one_of(st.sampled_from(GOOD + BAD), st.from_regex(r"\A\d+(\.\d+)?(ms|s|m|h)\Z"))))
def test_stored_delays_of_older_versions_are_brought_within_the_bounds(delays: list[str]) -> None:
    schedule = stored_retry_delays(delays)
    assert len(schedule) == min(len(delays), MOST_RETRIES)
    assert all(SHORTEST_RETRY <= delay <= LONGEST_RETRY for delay in schedule)


def test_good_stored_delays_stay_as_they_are() -> None:
    assert stored_retry_delays(["250ms", "2h"]) == [timedelta(milliseconds=250), timedelta(hours=2)]


_ZONES = st.sampled_from([UTC, timezone(timedelta(hours=-11)), timezone(timedelta(hours=14))])


@given(
    st.datetimes(datetime(1970, 1, 1), LATEST.replace(tzinfo=None) - timedelta(days=2), timezones=_ZONES),  # noqa: DTZ001
    st.timedeltas(),
)
def test_a_sum_never_overflows(moment: datetime, wait: timedelta) -> None:
    result = later(moment, wait)
    assert result <= LATEST
    assert wait < timedelta(0) or result >= moment


@given(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)), st.timedeltas(timedelta(0), timedelta(days=3650)))  # noqa: DTZ001
def test_an_ordinary_sum_is_exact(moment: datetime, wait: timedelta) -> None:
    assert later(moment.replace(tzinfo=UTC), wait) == moment.replace(tzinfo=UTC) + wait
