"""Addresses of PostgreSQL servers: the hosts and parameters of a database URL.

In libpq's syntax: `postgresql://user:password@host1:5432,host2:5432/name?target_session_attrs=read-write`.
https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlencode

from angarium.contracts.errors import SettingsError


class Pooler(StrEnum):
    """The kind of connection pooler in front of the server."""

    AUTO = "auto"  # detected at each connection
    SESSION = "session"  # none, or a pooler with a session per connection
    TRANSACTION = "transaction"  # a pooler with any session per transaction


@dataclass(frozen=True, slots=True)
class PostgresqlAddress:
    """`dsn` is for asyncpg and contains the password; `hosts` is the number of hosts."""

    dsn: str
    hosts: int
    pooler: Pooler


_URL = re.compile(
    r"(?P<scheme>postgres(?:ql)?(?:\+\w+)?)://(?P<login>[^@/?]*@)?(?P<hosts>[^/?]*)(?P<path>/[^?]*)?(?:\?(?P<query>.*))?"
)
_HOST = re.compile(r"(?:\[[0-9a-fA-F:.%]+\]|[^:\[\]]+)(?::\d{1,5})?")
_FILES = ("sslrootcert", "sslcert", "sslkey", "sslcrl", "passfile")
_SESSIONS = ("any", "primary", "standby", "read-write", "read-only", "prefer-standby")
_TLS = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_CHOICES: Mapping[str, tuple[str, ...]] = {
    "target_session_attrs": _SESSIONS,
    "sslmode": _TLS,
    "pooler": tuple(Pooler),
}
_PARAMETERS = frozenset(
    {
        *_FILES,
        *_CHOICES,
        "application_name",
        "krbsrvname",
        "sslnegotiation",
        "sslpassword",
        "ssl_max_protocol_version",
        "ssl_min_protocol_version",
    }
)
"""The libpq parameters that asyncpg supports. It sends others to the server as settings, which a pooler refuses."""


def first_host(url: str) -> str:
    """`url` with only its first host and without parameters, for libraries that support a single host."""
    found = _URL.fullmatch(url)
    if found is None:
        return url
    login, hosts, path = found["login"] or "", found["hosts"].partition(",")[0], found["path"] or ""
    return f"{found['scheme']}://{login}{hosts}{path}"


def parse_postgresql_address(url: str, *, setting: str) -> PostgresqlAddress:
    """Parse `url`. Raises SettingsError, which names `setting` and no password."""
    found = _URL.fullmatch(url)
    if found is None:
        raise SettingsError(f"{setting}: is not a database URL")
    parameters = dict(parse_qsl(found["query"] or "", keep_blank_values=True))
    _check_parameters(parameters, setting)
    hosts = found["hosts"].split(",")
    if len(hosts) > 1 and not all(_HOST.fullmatch(host) for host in hosts):
        raise SettingsError(f"{setting}: each host must be host or host:port")
    pooler = Pooler(parameters.pop("pooler", Pooler.AUTO))
    query = f"?{urlencode(parameters, quote_via=quote)}" if parameters else ""
    dsn = f"postgresql://{found['login'] or ''}{found['hosts']}{found['path'] or ''}{query}"
    return PostgresqlAddress(dsn, len(hosts), pooler)


def _check_parameters(parameters: Mapping[str, str], setting: str) -> None:
    for name, value in parameters.items():
        if name not in _PARAMETERS:
            nearest = get_close_matches(name, _PARAMETERS, n=1, cutoff=0.5)
            hint = f"; did you mean {nearest[0]}?" if nearest else ""
            raise SettingsError(f"{setting}: unknown parameter {name}{hint}")
        choices = _CHOICES.get(name)
        if choices is not None and value not in choices:
            raise SettingsError(f"{setting}: {name} must be one of {', '.join(choices)}")
        if name in _FILES and not Path(value).is_file():
            raise SettingsError(f"{setting}: {name} is not a file")
