"""Clients for Redis (or Valkey): one server, or the primary found through Sentinel."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool
from redis.backoff import NoBackoff

from angarium.contracts.errors import SettingsError

SETTING = "ANGARIUM_CACHE_URL"
SENTINEL_SCHEMES = ("redis+sentinel://", "rediss+sentinel://")
FORMS = "memory://, redis(s)://host:port/database or redis+sentinel://host:port,host:port/database?master=name"
CONNECTIONS = 32
SENTINEL_PORT = 26379
SENTINEL_TIMEOUT = 1.0
"""Seconds for each Sentinel. May be longer than the timeout of a cache call, which does not wait for it."""
_SENTINEL_PARAMETERS = frozenset({"master", "sentinel_username", "sentinel_password"})

Address = tuple[str, int]


def open_redis(url: str, timeout: float) -> Redis:
    """A client for `url` that never retries by itself. Raises SettingsError for an invalid URL."""
    limits: dict[str, Any] = {
        "max_connections": CONNECTIONS,
        "timeout": timeout,
        "socket_timeout": timeout,
        "socket_connect_timeout": timeout,
        "retry": Retry(NoBackoff(), 0),
    }
    if url.startswith(SENTINEL_SCHEMES):
        return Redis.from_pool(PrimaryPool(parse_sentinel_url(url), limits))
    if "," in urlsplit(url).netloc.rpartition("@")[2]:
        raise SettingsError(f"{SETTING}: several hosts are for redis+sentinel://; must be {FORMS}")
    try:
        pool: BlockingConnectionPool = BlockingConnectionPool.from_url(url, **limits)
    except ValueError as error:
        raise SettingsError(f"{SETTING}: must be {FORMS}") from error
    return Redis.from_pool(pool)


@dataclass(frozen=True, slots=True)
class SentinelAddress:
    """The Sentinels' addresses, the primary's name, and the credentials for both."""

    sentinels: Sequence[Address]
    master: str
    server: dict[str, Any]
    login: dict[str, str]


def parse_sentinel_url(url: str) -> SentinelAddress:
    """`redis+sentinel://user:password@host1:26379,host2/0?master=name`; with `rediss+sentinel` the primary has TLS.

    `sentinel_username` and `sentinel_password` are for the Sentinels. Raises SettingsError.
    """
    scheme, _, rest = url.partition("://")
    parts = urlsplit(f"//{rest}")
    credentials, _, hosts = parts.netloc.rpartition("@")
    user, _, password = credentials.partition(":")
    parameters = dict(parse_qsl(parts.query, keep_blank_values=True))
    if unknown := sorted(parameters.keys() - _SENTINEL_PARAMETERS):
        raise SettingsError(f"{SETTING}: unknown parameter {unknown[0]}")
    if not parameters.get("master"):
        raise SettingsError(f"{SETTING}: must name the primary, as in ?master=mymaster")
    database = parts.path.strip("/") or "0"
    if not database.isdecimal():
        raise SettingsError(f"{SETTING}: the database must be a number")
    server: dict[str, Any] = {"db": int(database)}
    server |= {name: unquote(text) for name, text in (("username", user), ("password", password)) if text}
    if scheme == "rediss+sentinel":
        server["ssl"] = True
    login = {
        name: parameters[f"sentinel_{name}"] for name in ("username", "password") if f"sentinel_{name}" in parameters
    }
    return SentinelAddress([_host(host) for host in hosts.split(",")], parameters["master"], server, login)


class PrimaryPool(SentinelConnectionPool, BlockingConnectionPool):
    """Connections to the current primary. A caller that finds all of them in use waits, as with one server.

    A separate task queries the Sentinels, and continues when the call that needed the answer has timed out. So a
    Sentinel that hangs delays the cache's recovery but no call. Concurrent callers share the answer.
    """

    def __init__(self, address: SentinelAddress, limits: dict[str, Any]) -> None:
        times = {"socket_timeout": SENTINEL_TIMEOUT, "socket_connect_timeout": SENTINEL_TIMEOUT}
        patient = {**times, "retry": Retry(NoBackoff(), 0), **address.login}
        sentinels: Any = Sentinel(address.sentinels, sentinel_kwargs=patient)  # type: ignore[no-untyped-call]
        options = {**limits, **address.server}
        super().__init__(address.master, sentinels, **options)  # type: ignore[no-untyped-call]
        self._asking: asyncio.Task[Address] | None = None

    async def get_master_address(self) -> Address:
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask())
            self._asking.add_done_callback(_retrieved)
        return await asyncio.shield(self._asking)

    async def aclose(self) -> None:
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.wait([self._asking])
        await super().aclose()
        await self.sentinel_manager.aclose()

    async def _ask(self) -> Address:
        found: Address = await super().get_master_address()  # type: ignore[no-untyped-call]
        return found


def _retrieved(task: "asyncio.Task[Address]") -> None:
    """The waiting callers get the error. If they timed out, it can be ignored."""
    if not task.cancelled():
        task.exception()


def _host(text: str) -> Address:
    host, separator, port = text.rpartition(":")
    if not separator or text.endswith("]"):
        host, port = text, str(SENTINEL_PORT)
    if not host or not port.isdecimal():
        raise SettingsError(f"{SETTING}: each Sentinel must be host:port")
    return host.strip("[]"), int(port)
