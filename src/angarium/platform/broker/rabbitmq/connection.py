"""Connections to RabbitMQ that are re-established, to any node that answers, until they are closed."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlencode, urlsplit

from aiormq import AMQPChannelError, Channel, Connection, ConnectionClosed, TransportFactory
from pamqp import commands as spec
from yarl import URL

from angarium.contracts.errors import SettingsError
from angarium.platform.broker.port import BrokerUnavailable
from angarium.platform.broker.rabbitmq.decoding import FrameReader, Taker
from angarium.platform.clock import Clock
from angarium.platform.telemetry.logging import Logger
from angarium.platform.telemetry.reminder import Reminder

ANSWER_SECONDS = 10.0
"""Timeout of every request except a publish."""

_CONNECT_SECONDS = 5.0
_CLOSE_SECONDS = 3.0
# A peer that disappears silently is noticed within three of these.
_HEARTBEAT_SECONDS = 10
_BACK_OFF_SECONDS = (0.1, 0.2, 0.5, 1.0, 2.0)
_STEADY_SECONDS = 5.0
_URL = re.compile(r"(?P<before>amqps?://(?:[^/?#]*@)?)(?P<hosts>[^/?#@]+)(?P<path>/[^?#]*)?(?:\?(?P<query>[^#]*))?")
_HOST = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[^:\[\]\s]+)(?::(?P<port>\d{1,5}))?")
_HIGHEST_PORT = 65535
_ALARMS = {"low on memory": "memory alarm", "low on disk": "disk alarm"}

ResultT = TypeVar("ResultT")


def parse_nodes(url: str) -> tuple[str, ...]:
    """One URL per node of `amqp(s)://user:password@host:port,host:port/vhost?…`, or of URLs separated by commas.

    The parts before and after the hosts apply to each. TLS uses `cafile`, `certfile` and `keyfile` from the query.
    Raises SettingsError.
    """
    return tuple(node for part in re.split(r",(?=amqps?://)", url.strip()) for node in _hosts(part))


def _hosts(url: str) -> Sequence[str]:
    # Not `urlsplit`: since its fix for CVE-2024-11168 it refuses an address in brackets that follows another host.
    match = _URL.fullmatch(url)
    hosts = match["hosts"].split(",") if match else []
    if match is None or not all(map(_is_host, hosts)):
        raise SettingsError("ANGARIUM_BROKER_URL: must look like amqp://user:password@host:5672/vhost")
    query = urlencode({"heartbeat": str(_HEARTBEAT_SECONDS)} | dict(parse_qsl(match["query"] or "")))
    return [f"{match['before']}{host}{match['path'] or ''}?{query}" for host in hosts]


def _is_host(text: str) -> bool:
    match = _HOST.fullmatch(text)
    return match is not None and int(match["port"] or 0) <= _HIGHEST_PORT


def _address(node: str) -> str:
    return urlsplit(node).netloc.rpartition("@")[2]


async def answer(
    call: Awaitable[ResultT],
    seconds: float = ANSWER_SECONDS,
    *,
    passing: tuple[type[AMQPChannelError], ...] = (),
) -> ResultT:
    """Await `call`. Raises BrokerUnavailable for every error except `passing`.

    The library does not keep its own cancellations apart from ours: a call on a lost connection may raise
    CancelledError although the task was not cancelled, and a cancelled call that fails may raise that failure instead.
    """
    before = cancellations()
    cause: BaseException
    try:
        async with asyncio.timeout(seconds):
            return await call
    except passing:
        raise
    except TimeoutError as error:
        failure, cause = f"no answer within {seconds} s", error
    except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - the library raises even bare Exception
        failure, cause = f"{type(error).__name__}: {error}", error
    if cancellations() > before:
        raise asyncio.CancelledError from cause
    raise BrokerUnavailable(failure) from cause


def cancellations() -> int:
    """How often the current task was cancelled; 0 for a CancelledError that the library raised itself."""
    task = asyncio.current_task()
    return task.cancelling() if task else 0


async def open_channel(connection: Connection, *, confirms: bool = False) -> Channel:
    """Open a channel; with `confirms` it is for publishing. Raises BrokerUnavailable."""
    channel = await answer(connection.channel(publisher_confirms=confirms))
    if not isinstance(channel, Channel):
        raise TypeError(f"a connection of the library gave {type(channel).__name__}")
    return channel


async def close_channel(channel: Channel) -> None:
    """Close a channel in any state. Never raises."""
    try:
        await answer(channel.close(ConnectionClosed(200, "closed")), _CLOSE_SECONDS)
    except BrokerUnavailable:
        return


class _Transport(TransportFactory):
    """A connection's socket, which can be aborted when the peer stops reading, and whose reader supports Takers."""

    def __init__(self) -> None:
        self.reader: FrameReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def create(self, url: URL, **kwargs: Any) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """As `asyncio.open_connection`, whose documentation says to copy it for a reader of one's own."""
        tls = await kwargs["ssl_context_provider"].get_context() if url.scheme == "amqps" else None
        loop = asyncio.get_running_loop()
        reader = self.reader = FrameReader(loop)
        protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
        transport, _ = await loop.create_connection(lambda: protocol, str(url.host), int(url.port or 0), ssl=tls)
        self._writer = asyncio.StreamWriter(transport, protocol, reader, loop)
        return reader, self._writer

    def abort(self) -> None:
        if self._writer is not None:
            self._writer.transport.abort()


class AmqpConnection(Connection):
    """The library's connection, whose channels may take their own frames from its reader."""

    def __init__(self, node: str, name: str, logger: Logger) -> None:
        self._logger = logger
        self._socket = _Transport()
        self.address = _address(node)
        self.blocked: str | None = None
        """Why the broker blocks publishing on this connection; None while it does not."""
        super().__init__(node, transport_factory=self._socket, client_properties={"connection_name": name})

    async def dial(self) -> None:
        """Connect. Raises BrokerUnavailable."""
        try:
            await answer(self.connect(), _CONNECT_SECONDS)
        except BaseException:
            self._socket.abort()
            raise

    async def hang_up(self) -> None:
        """Close, even if the broker does not answer. Never raises."""
        try:
            await answer(self.close(ConnectionClosed(200, "closed")), _CLOSE_SECONDS)
        except BrokerUnavailable:
            self._socket.abort()

    # The library only logs these two (https://www.rabbitmq.com/docs/connection-blocked). The names are those that
    # Python gives to its private methods.
    async def _Connection__handle_connection_blocked(self, frame: spec.Connection.Blocked) -> None:  # noqa: N802
        self.blocked = _ALARMS.get(str(frame.reason), str(frame.reason))
        self._logger.error("broker.blocked", reason=self.blocked, node=self.address)
        await super()._Connection__handle_connection_blocked(frame)  # type: ignore[misc]  # private in the library

    async def _Connection__handle_connection_unblocked(self, frame: spec.Connection.Unblocked) -> None:  # noqa: N802
        self.blocked = None
        self._logger.info("broker.unblocked", node=self.address)
        await super()._Connection__handle_connection_unblocked(frame)  # type: ignore[misc]  # private in the library

    def give(self, channel: Channel, taker: Taker) -> None:
        """Offer the frames of `channel` to `taker` before the library, while the channel is open."""
        reader = self._socket.reader
        if reader is not None:
            reader.give(channel.number, taker)
            channel.closing.add_done_callback(lambda _: reader.keep(channel.number, taker))


class Link:
    """A connection to one of `nodes`, tried in turn. From its first use until `close` it is re-established when lost.

    `prepare` runs on each new connection before it is used; if it raises, the connection attempt has failed.
    """

    def __init__(
        self,
        nodes: Sequence[str],
        *,
        name: str,
        clock: Clock,
        logger: Logger,
        prepare: Callable[[Connection], Coroutine[Any, Any, None]] | None = None,
    ) -> None:
        self._nodes = nodes
        self._name = name
        self._clock = clock
        self._logger = logger
        self._prepare = prepare
        self._dialling = asyncio.Lock()
        self._connection: AmqpConnection | None = None
        self._up = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def current(self) -> AmqpConnection | None:
        """The connection, if there is one now."""
        connection = self._connection
        return connection if connection and connection.is_opened else None

    async def connect(self) -> AmqpConnection:
        """Return the connection; connect if there is none. Raises BrokerUnavailable and what `prepare` raises."""
        self.keep()
        async with self._dialling:
            return self.current or await self._dial()

    async def connected(self) -> AmqpConnection:
        """Wait for a connection and return it."""
        self.keep()
        while (connection := self.current) is None:
            self._up.clear()
            await self._up.wait()
        return connection

    def keep(self) -> None:
        """Start connecting, and reconnect whenever the connection is lost."""
        self._check_open()
        if self._keeper is None:
            self._keeper = asyncio.create_task(self._keep())

    async def close(self) -> None:
        """Close the connection permanently."""
        self._closed = True
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.hang_up()

    def _check_open(self) -> None:
        if self._closed:
            raise BrokerUnavailable("the broker was closed")

    async def _keep(self) -> None:
        failures = 0
        reminder = Reminder(self._clock)
        while not self._closed:
            try:
                connection = await self.connect()
            except (BrokerUnavailable, SettingsError) as error:
                if reminder.due(str(error)):
                    self._logger.warning("broker.unavailable", link=self._name, error=str(error))
            except (Exception, asyncio.CancelledError):
                if cancellations():
                    raise
                # An unexpected error must not end this task, or all callers would wait for a connection indefinitely.
                self._logger.exception("broker.link_failed", link=self._name)
            else:
                reminder.clear()
                since = self._clock.monotonic()
                await asyncio.wait((connection.closing,))
                self._logger.warning("broker.connection_lost", link=self._name)
                failures = 0 if self._clock.monotonic() - since > _STEADY_SECONDS else failures
            await self._clock.sleep(_BACK_OFF_SECONDS[min(failures, len(_BACK_OFF_SECONDS) - 1)])
            failures += 1

    async def _dial(self) -> AmqpConnection:
        reasons = []
        for node in self._nodes:
            try:
                return await self._establish(AmqpConnection(node, self._name, self._logger))
            except BrokerUnavailable as error:
                reasons.append(f"{_address(node)}: {error}")
        raise BrokerUnavailable("; ".join(reasons))

    async def _establish(self, connection: AmqpConnection) -> AmqpConnection:
        await connection.dial()
        try:
            if self._prepare is not None:
                await self._prepare(connection)
            self._check_open()
        except BaseException:
            await connection.hang_up()
            raise
        self._connection = connection
        self._up.set()
        self._logger.info("broker.connected", link=self._name, node=connection.address)
        return connection
