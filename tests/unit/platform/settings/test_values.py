"""Value types of settings."""

from contextlib import suppress
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from angarium.contracts.durations import parse_duration
from angarium.platform.settings.settings import ProviderUrl, RateLimit
from angarium.platform.settings.values import (
    parse_durations,
    parse_networks,
    parse_provider_urls,
    parse_retry_delays,
    parse_share,
)


@pytest.mark.parametrize(
    ("text", "seconds"), [("250ms", 0.25), ("10s", 10), ("1.5m", 90), ("1h", 3600), ("2d", 172800), (" 0s ", 0)]
)
def test_a_duration_has_a_number_and_a_unit(text: str, seconds: float) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "10", "s", "-1s", "1 s", "1y", "1e3s", "9999999999d", "1s2s"])
def test_what_is_no_duration_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        parse_duration(text)


@given(st.lists(st.integers(min_value=0, max_value=10**9)))
def test_durations_keep_their_order(milliseconds: list[int]) -> None:
    text = ",".join(f"{n}ms" for n in milliseconds)
    assert parse_durations(text) == tuple(timedelta(milliseconds=n) for n in milliseconds)


def test_retry_delays_lie_between_10_ms_and_24_hours() -> None:
    assert parse_retry_delays("10ms,24h") == (timedelta(milliseconds=10), timedelta(hours=24))
    assert parse_retry_delays("") == ()


@pytest.mark.parametrize("text", ["36501d", "999999999999d", "9999999999h"])
def test_durations_end_before_times_overflow(text: str) -> None:
    with pytest.raises(ValueError, match="too long a duration"):
        parse_durations(text)


@pytest.mark.parametrize("text", ["1s,9ms", "25h", "2d", "36500d", ",".join(["1s"] * 21)])
def test_other_retry_delays_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="retry delay"):
        parse_retry_delays(text)


@pytest.mark.parametrize(
    ("text", "count", "seconds"),
    [
        ("20000/second", 20000, 1),
        ("50/s", 50, 1),
        ("10/minute", 10, 60),
        ("1000/hour", 1000, 3600),
        ("10/day", 10, 86400),
    ],
)
def test_a_rate_is_a_count_in_a_period(text: str, count: int, seconds: int) -> None:
    rate = RateLimit.parse(text)
    assert rate == RateLimit(count, timedelta(seconds=seconds))
    assert rate.per_second == pytest.approx(count / seconds)


def test_a_rate_may_be_off() -> None:
    assert RateLimit.parse("off") is None


@pytest.mark.parametrize("text", ["", "0/s", "10", "10/week", "-1/s", "1.5/s"])
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be off"):
        RateLimit.parse(text)


def test_a_provider_url_is_taken_apart() -> None:
    url = ProviderUrl.parse("smtp://ann%40example.com:p%2Fw@mail.test:587?tls=starttls&pool=8&rate=50/s&timeout=10s")
    assert (url.scheme, url.host, url.port) == ("smtp", "mail.test", 587)
    assert (url.username, url.password) == ("ann@example.com", "p/w")
    assert dict(url.options) == {"tls": "starttls", "pool": "8"}
    assert url.rate == RateLimit(50, timedelta(seconds=1))
    assert (url.timeout, url.weight, url.base_url) == (timedelta(seconds=10), None, None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mailbox://", ("mailbox", None, None, None, None, "")),
        ("sendgrid://SG.key@api", ("sendgrid", "SG.key", None, "api", None, "")),
        ("ses://AKIA:a/b+c@eu-west-1", ("ses", "AKIA", "a/b+c", "eu-west-1", None, "")),
        ("twilio://SID:TOKEN@+15005550006", ("twilio", "SID", "TOKEN", "+15005550006", None, "")),
        ("vonage://KEY:SECRET@MyBrand", ("vonage", "KEY", "SECRET", "MyBrand", None, "")),
        ("fcm:///etc/keys/service@x.json", ("fcm", None, None, None, None, "/etc/keys/service@x.json")),
        ("smtp://[::1]:1025", ("smtp", None, None, "::1", 1025, "")),
    ],
)
def test_each_form_of_provider_is_read(text: str, expected: tuple[object, ...]) -> None:
    url = ProviderUrl.parse(text)
    assert (url.scheme, url.username, url.password, url.host, url.port, url.path) == expected


def test_a_plus_in_an_option_is_a_plus() -> None:
    url = ProviderUrl.parse("webpush:///vapid.pem?subject=mailto:ops+push@example.com")
    assert url.options["subject"] == "mailto:ops+push@example.com"


@pytest.mark.parametrize(
    "text",
    [
        "canary",
        "canary@host",
        "smtp://canary:99999",
        "smtp://canary@h:1:2",
        "x://h?weight=0",
        "x://h?rate=fast",
        "x://h?rate=5/s&a=canary&rate=6/s",
        "://h",
    ],
)
def test_a_bad_provider_is_refused_without_being_shown(text: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        ProviderUrl.parse(text)
    assert "canary" not in str(refused.value)


def test_a_provider_url_hides_its_secrets() -> None:
    url = ProviderUrl.parse("ses://canary1:canary2@eu-west-1/canary3?token=canary4&base_url=http://canary5")
    assert "canary" not in repr(url)
    assert str(url) == "ses://eu-west-1"


@given(st.text(max_size=60))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    with suppress(ValueError):
        assert all(url.scheme for url in parse_provider_urls(text))


def test_networks_are_read_by_comma() -> None:
    assert [str(network) for network in parse_networks("127.0.0.0/8, ::1")] == ["127.0.0.0/8", "::1/128"]
    with pytest.raises(ValueError, match="address ranges"):
        parse_networks("localhost")


@pytest.mark.parametrize(
    ("text", "share"), [("5%", 0.05), ("0.1%", 0.001), (" 12.5 % ", 0.125), ("0.05", 0.05), (0.3, 0.3), ("off", None)]
)
def test_a_share_is_a_percentage_a_number_or_off(text: object, share: float | None) -> None:
    assert parse_share(text) == share


@pytest.mark.parametrize("text", ["", "%", "0%", "100%", "5", "-1%", "nan", "inf", "five", "5%%"])
def test_what_is_no_share_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="such as 5%"):
        parse_share(text)
