"""Value types of settings: durations, rates, networks and provider URLs, parsed once at the start.

Error messages name a rule, never the value, which may be a secret.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network, ip_network
from types import MappingProxyType
from typing import Annotated, Any, TypedDict
from urllib.parse import unquote

from pydantic import BeforeValidator
from pydantic_settings import NoDecode

from angarium.contracts.durations import check_retry_delays, parse_duration

Network = IPv4Network | IPv6Network

_PERIODS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_RATE = re.compile(r"(\d{1,9})\s*/\s*(s|second|m|minute|h|hour|d|day)")
_COUNTRY = re.compile(r"[A-Z]{2}")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*")
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\[\]:]*)(?::(\d{1,5}))?")
_COMMON_OPTIONS = frozenset({"base_url", "name", "rate", "timeout", "webhook_key", "weight"})
_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,39}")
_ORIGIN = re.compile(r"(https?://([^/?#@\s]+))/?")
_HIGHEST_PORT = 65535


def split_list(value: object) -> tuple[Any, ...]:
    """The items of a comma-separated text (or a TOML array); an empty text has none."""
    if isinstance(value, list | tuple):
        return tuple(value)
    return tuple(item for item in (part.strip() for part in str(value).split(",")) if item)


def parse_durations(value: object) -> tuple[timedelta, ...]:
    """Parse comma-separated durations. Raises ValueError."""
    return tuple(parse_duration(item) for item in split_list(value))


def parse_retry_delays(value: object) -> tuple[timedelta, ...]:
    """Parse comma-separated delays between attempts. Raises ValueError."""
    return tuple(check_retry_delays(parse_durations(value)))


def parse_networks(value: object) -> tuple[Network, ...]:
    """Parse comma-separated address ranges, such as `127.0.0.0/8,::1/128`. Raises ValueError."""
    try:
        return tuple(ip_network(str(item)) for item in split_list(value))
    except ValueError:
        message = "must be address ranges such as 127.0.0.0/8, by comma"
        raise ValueError(message) from None


@dataclass(frozen=True, slots=True)
class RateLimit:
    """At most `count` events in any window of `period`."""

    count: int
    period: timedelta

    @classmethod
    def parse(cls, text: str) -> "RateLimit | None":
        """`20000/second`, `50/s`, `10/minute`, `1000/hour`, `10/day`; `off` is None. Raises ValueError."""
        word = text.strip().lower()
        if word == "off":
            return None
        match = _RATE.fullmatch(word)
        if match is None or int(match[1]) == 0:
            message = "must be off, or a count and a unit such as 100/second, 10/minute, 1000/hour or 10/day"
            raise ValueError(message)
        return cls(int(match[1]), timedelta(seconds=_PERIODS[match[2][0]]))

    @property
    def per_second(self) -> float:
        """The mean rate in events per second."""
        return self.count / self.period.total_seconds()


def parse_rate_limit(value: object) -> RateLimit | None:
    """As `RateLimit.parse`, but also accepts a parsed value. Raises ValueError."""
    return value if value is None or isinstance(value, RateLimit) else RateLimit.parse(str(value))


@dataclass(frozen=True, slots=True)
class Countries:
    """An allow list or a block list of countries by their ISO 3166-1 alpha-2 codes."""

    codes: frozenset[str]
    allowed: bool

    @classmethod
    def parse(cls, text: str) -> "Countries | None":
        """`+DE,FR` allows only these, `-XX` blocks these; `all` is None. Raises ValueError."""
        word = text.strip()
        if word.lower() == "all":
            return None
        codes = [code.strip().upper() for code in word[1:].split(",")]
        if word[:1] not in {"+", "-"} or not all(_COUNTRY.fullmatch(code) for code in codes):
            message = "must be all, or country codes after a + (only these) or a - (all but these), such as +DE,FR"
            raise ValueError(message)
        return cls(frozenset(codes), allowed=word[0] == "+")

    def allow(self, country: str | None) -> bool:
        """Whether `country` is allowed; None: a number without a country."""
        return (country in self.codes) is self.allowed


def parse_countries(value: object) -> Countries | None:
    """As `Countries.parse`, but also accepts a parsed value. Raises ValueError."""
    return value if value is None or isinstance(value, Countries) else Countries.parse(str(value))


class _CommonOptions(TypedDict):
    base_url: str | None
    name: str | None
    rate: RateLimit | None
    timeout: timedelta | None
    webhook_key: str | None
    weight: int | None


@dataclass(frozen=True, slots=True)
class ProviderUrl:
    """One provider as configured: `scheme://username:password@host:port/path?option=value`.

    `username`, `password`, `host`, `path` and `options` are percent-decoded; a plus stays a plus. `host` keeps its
    case: for Vonage it is a sender name, for Twilio a number. `options` excludes the six common options: `base_url`
    (replaces the origin; without a slash at its end), `name`, `rate` (sends per time), `timeout` (above 0),
    `webhook_key` (what its webhooks are verified with), and `weight` (among the channel's providers). `repr` and `str`
    hide possible secrets.
    """

    scheme: str
    host: str | None = None
    port: int | None = None
    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    path: str = field(default="", repr=False)
    options: Mapping[str, str] = field(default_factory=dict, repr=False)
    base_url: str | None = field(default=None, repr=False)
    name: str | None = None
    rate: RateLimit | None = None
    timeout: timedelta | None = None
    webhook_key: str | None = field(default=None, repr=False)
    weight: int | None = None

    @classmethod
    def parse(cls, text: str) -> "ProviderUrl":
        """Parse `text`. Raises ValueError, whose message does not show it."""
        scheme, separator, rest = text.strip().partition("://")
        if not separator or not _SCHEME.fullmatch(scheme):
            message = "must be a provider such as smtp://user:password@host:587"
            raise ValueError(message)
        location, _, query = rest.partition("?")
        username, password, location = _take_credentials(location)
        authority, slash, path = location.partition("/")
        host, port = _host_and_port(authority)
        options = _options(query)
        return cls(
            scheme=scheme,
            host=host,
            port=port,
            username=username,
            password=password,
            path=unquote(slash + path),
            options=MappingProxyType({k: v for k, v in options.items() if k not in _COMMON_OPTIONS}),
            **_common(options),
        )

    def __str__(self) -> str:
        return f"{self.scheme}://{self.host or ''}"

    def __deepcopy__(self, memo: dict[int, Any]) -> "ProviderUrl":  # pydantic copies defaults; nothing here changes
        return self


def _take_credentials(location: str) -> tuple[str | None, str | None, str]:
    """Split off `user:password@` at the last `@`, since an AWS secret may contain unencoded slashes."""
    if location.startswith("/") or "@" not in location:
        return None, None, location
    userinfo, _, rest = location.rpartition("@")
    username, _, password = userinfo.partition(":")
    return unquote(username) or None, unquote(password) or None, rest


def _host_and_port(authority: str) -> tuple[str | None, int | None]:
    match = _HOST.fullmatch(authority)
    if match is None or (match[2] and int(match[2]) > _HIGHEST_PORT):
        message = "has a host or port that cannot be read"
        raise ValueError(message)
    return unquote(match[1].strip("[]")) or None, int(match[2]) if match[2] else None


def _options(query: str) -> dict[str, str]:
    options: dict[str, str] = {}
    for part in filter(None, query.split("&")):
        name, _, value = part.partition("=")
        name = unquote(name)
        if name in options:
            raise ValueError(f"has a parameter twice: {name}")
        options[name] = unquote(value)
    return options


def _common(options: Mapping[str, str]) -> _CommonOptions:
    weight = options.get("weight")
    if weight is not None and not (weight.isdecimal() and int(weight) > 0):
        raise ValueError("weight must be a whole number above 0")
    name = options.get("name")
    if name is not None and not _NAME.fullmatch(name):
        raise ValueError("name must be up to 40 of a-z, 0-9, and _.- after the first")
    timeout = parse_duration(options["timeout"]) if "timeout" in options else None
    if timeout is not None and timeout <= timedelta(0):
        raise ValueError("timeout must be longer than 0")
    return _CommonOptions(
        base_url=_origin(options["base_url"]) if "base_url" in options else None,
        name=name,
        rate=parse_rate_limit(options.get("rate")),
        timeout=timeout,
        webhook_key=options.get("webhook_key"),
        weight=int(weight) if weight is not None else None,
    )


def _origin(text: str) -> str:
    match = _ORIGIN.fullmatch(text)
    if match is None:
        raise ValueError("base_url must be an origin such as https://api.example.com:8443")
    _host_and_port(match[2])
    return match[1]


def is_private_origin(url: str) -> bool:
    """Whether traffic to `url` is confidential: https, or this machine."""
    scheme, _, rest = url.partition("://")
    authority = re.split("[/?#]", rest, maxsplit=1)[0]
    host, _ = _host_and_port(authority)
    return scheme == "https" or host in {"localhost", "127.0.0.1", "::1"}


def parse_provider_urls(value: object) -> tuple[ProviderUrl, ...]:
    """Parse comma-separated provider URLs, in order of preference. Raises ValueError."""
    return tuple(item if isinstance(item, ProviderUrl) else ProviderUrl.parse(str(item)) for item in split_list(value))


def parse_period(value: object) -> timedelta | None:
    """Parse a positive duration; `off` is None. Raises ValueError."""
    if value is None or str(value).strip().lower() == "off":
        return None
    period = parse_duration(value)
    if period <= timedelta(0):
        message = "must be off or longer than 0s"
        raise ValueError(message)
    return period


def parse_share(value: object) -> float | None:
    """A share above 0 and below 1, from `5%`, `0.1%` or `0.05`; `off` is None. Raises ValueError."""
    text = str(value).strip().lower()
    if value is None or text == "off":
        return None
    message = "must be off or a share between 0% and 100%, such as 5%"
    try:
        share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        raise ValueError(message) from None
    if not 0 < share < 1:
        raise ValueError(message)
    return share


Duration = Annotated[timedelta, NoDecode, BeforeValidator(parse_duration)]
"""A duration: `250ms`, `10s`, `2m`, `1h`."""
Period = Annotated[timedelta | None, NoDecode, BeforeValidator(parse_period)]
"""A duration such as `90d`, or `off` (None)."""
RetryDelayList = Annotated[tuple[timedelta, ...], NoDecode, BeforeValidator(parse_retry_delays)]
"""Comma-separated delays between attempts: at most 20, each 10 ms to 24 h."""
RateLimitField = Annotated[RateLimit | None, NoDecode, BeforeValidator(parse_rate_limit)]
"""`20000/second`, or `off` (None)."""
CountriesField = Annotated[Countries | None, NoDecode, BeforeValidator(parse_countries)]
"""`+DE,FR`, `-XX`, or `all` (None)."""
ProviderUrls = Annotated[tuple[ProviderUrl, ...], NoDecode, BeforeValidator(parse_provider_urls)]
"""A channel's providers; an empty list disables the channel."""
Networks = Annotated[tuple[Network, ...], NoDecode, BeforeValidator(parse_networks)]
"""Comma-separated address ranges."""
Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(split_list)]
"""Comma-separated words."""
ShareField = Annotated[float | None, NoDecode, BeforeValidator(parse_share)]
"""`5%`, or `off` (None)."""
