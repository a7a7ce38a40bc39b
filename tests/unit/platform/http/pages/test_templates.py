"""The filters of pages."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from angarium.platform.http.pages.templates import moment, number, percent, seconds, words

AT = datetime(2026, 11, 20, 9, 0, 2, 500, tzinfo=timezone(timedelta(hours=1)))


def test_times_are_shown_in_utc_whether_they_come_as_times_or_text() -> None:
    shown = '<time datetime="2026-11-20T08:00:02.000500Z">2026-11-20 08:00:02</time>'
    assert str(moment(AT)) == shown
    assert str(moment("2026-11-20T08:00:02.000500Z")) == shown
    assert str(moment(AT.astimezone(UTC))) == shown
    assert (moment(None), moment("<b>"), moment("2026-11-20")) == ("", "<b>", "2026-11-20")


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.0005, "0 ms"), (0.85, "850 ms"), (1, "1.0 s"), (59, "59 s"), (600, "10 min"), (7200, "2 h"), (172_800, "2 d")],
)
def test_lengths_have_the_unit_that_suits_them(value: float, shown: str) -> None:
    assert seconds(value) == shown
    assert seconds(None) == "–"


def test_numbers_and_shares() -> None:
    assert [number(value) for value in (0, 1234567, 3.25, 3.0, None)] == ["0", "1,234,567", "3.2", "3", ""]
    assert [percent(value) for value in (0, 0.053, 0.5, 1.0, None)] == ["0 %", "5.3 %", "50 %", "100 %", "–"]
    assert (words("retries_exhausted"), words(None)) == ("retries exhausted", "")
    assert str(words("<b>_")) == "&lt;b&gt; "
