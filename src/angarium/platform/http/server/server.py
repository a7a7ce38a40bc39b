"""The HTTP server, run in the current event loop."""

import asyncio
import errno
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from angarium.contracts.errors import AngariumError
from angarium.platform.http.server.protocol import BoundedProtocol, Patience
from angarium.platform.http.server.tls import server_context
from angarium.platform.settings.groups import ProcessSettings
from angarium.platform.settings.sources import variable, wrong
from angarium.platform.telemetry.logging import Logger

GRACE_SECONDS = 20
KEEP_ALIVE_SECONDS = 75
BACKLOG = 4096
HANDLES = 32
"""Handles of the listening socket. uvloop accepts one connection per handle and loop iteration. With one handle, a
burst of connections would need as many iterations, while the first ones are already being served."""


async def serve(
    app: ASGIApp,
    *,
    settings: ProcessSettings,
    port: int,
    logger: Logger,
    stop: asyncio.Event,
    listening: Callable[[int], None] | None = None,
    patience: Patience = Patience(),  # noqa: B008 - frozen
    listener: socket.socket | None = None,
    stopping: Callable[[], None] | None = None,
) -> None:
    """Serve `app` until `stop` is set, then finish running requests, for at most 20 s.

    `patience` limits the size and time of requests. `port` 0 selects any free port; `listening` is called with the port
    once requests are accepted. `listener` is an already bound socket (`reserve`), closed at the end. `stopping` is
    called once `stop` is set, to end streaming answers. TLS and mutual TLS follow the settings. Signals are left to
    `platform.lifecycle`. Raises SettingsError if the address or the certificate cannot be used, AngariumError if the
    app's lifespan fails to start.
    """
    listener = listener or bind(settings.host, port)
    handles = [listener, *(listener.dup() for _ in range(HANDLES - 1))]
    try:
        server = _Server(_config(app, settings, patience), listening=listening, port=listener.getsockname()[1])
        watcher = asyncio.create_task(_stop_when(stop, server, stopping))
        try:
            await server.serve(sockets=handles)
        except SystemExit:
            message = "The application did not start"
            raise AngariumError(message) from None
        except OSError as error:
            raise _unusable(settings.host, port, error) from None
        finally:
            watcher.cancel()
    finally:
        for handle in handles:
            handle.close()
    logger.info("server.stopped", port=port)


def reserve(settings: ProcessSettings) -> socket.socket:
    """Bind the socket of a process before anything else is opened. Raises SettingsError, as `serve`."""
    server_context(settings)
    return bind(settings.host, settings.port)


def bind(host: str, port: int) -> socket.socket:
    """A socket bound to the address, for `serve`. Raises SettingsError that names ANGARIUM_HOST or ANGARIUM_PORT."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[
            0
        ]
    except OSError:
        raise wrong("host", f"{host} is not an address of this machine") from None
    listener = socket.socket(family, kind)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setblocking(False)
    try:
        listener.bind(address)
    except OSError as error:
        listener.close()
        raise _unusable(host, port, error) from None
    return listener


def _unusable(host: str, port: int, error: OSError) -> AngariumError:
    match error.errno:
        case errno.EADDRINUSE:
            return wrong("port", f"port {port} is already in use; set {variable('port')} to another one")
        case errno.EACCES:
            return wrong("port", f"port {port} needs privileges; set {variable('port')} to one above 1023")
        case errno.EADDRNOTAVAIL:
            return wrong("host", f"{host} is not an address of this machine")
        case _:
            return wrong("port", f"{host}:{port} cannot be used ({error.strerror})")


class _Server(uvicorn.Server):
    """uvicorn's server without signal handlers, with a callback once it listens."""

    def __init__(self, config: uvicorn.Config, *, listening: Callable[[int], None] | None, port: int) -> None:
        super().__init__(config)
        self._listening = listening
        self._port = port

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and self._listening is not None:
            self._listening(self._port)


async def _stop_when(stop: asyncio.Event, server: uvicorn.Server, stopping: Callable[[], None] | None) -> None:
    await stop.wait()
    server.should_exit = True
    if stopping is not None:
        stopping()


def _config(app: ASGIApp, settings: ProcessSettings, patience: Patience) -> uvicorn.Config:
    context = server_context(settings)
    protocol: Any = partial(
        BoundedProtocol, patience=patience, fast_paths=settings.fast
    )  # uvicorn asks for a class, and calls it
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="auto",
        http=protocol,
        ws="none",
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
        ssl_context_factory=None if context is None else lambda *_: context,
    )
    config.load()
    return config
