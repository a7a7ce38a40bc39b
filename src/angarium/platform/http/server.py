"""The HTTP server, run inside a loop that is already running."""

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from angarium.contracts.errors import AngariumError
from angarium.platform.http.protocol import BoundedProtocol, Patience
from angarium.platform.http.tls import server_context
from angarium.platform.settings_base import wrong
from angarium.platform.settings_groups import ProcessSettings
from angarium.platform.telemetry.logging import Logger

GRACE_SECONDS = 20
KEEP_ALIVE_SECONDS = 75
BACKLOG = 4096


async def serve(
    app: ASGIApp,
    *,
    settings: ProcessSettings,
    port: int,
    logger: Logger,
    stop: asyncio.Event,
    listening: Callable[[int], None] | None = None,
    patience: Patience = Patience(),  # noqa: B008 - frozen
) -> None:
    """Serve `app` until `stop` is set, then finish what is under way, for at most 20 s.

    `patience`: what a client may send, and how long it may take. `port` 0 takes any free one; `listening` is called
    with the port once requests are taken. TLS and mutual TLS as the settings say. Signals are left to
    `platform.lifecycle`. Raises SettingsError when the address cannot be had or the certificate cannot be used;
    AngariumError when the app's lifespan fails at its start.
    """
    listener = bind(settings.host, port)
    try:
        server = _Server(_config(app, settings, patience), listening=listening, port=listener.getsockname()[1])
        watcher = asyncio.create_task(_stop_when(stop, server))
        try:
            await server.serve(sockets=[listener])
        except SystemExit:
            message = "The application did not start"
            raise AngariumError(message) from None
        finally:
            watcher.cancel()
    finally:
        listener.close()
    logger.info("server.stopped", port=port)


def bind(host: str, port: int) -> socket.socket:
    """A socket bound to the address, for `serve`. Raises SettingsError: one line that names ANGARIUM_PORT."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[
            0
        ]
    except OSError:
        raise wrong("host", "is no address of this machine") from None
    listener = socket.socket(family, kind)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setblocking(False)
    try:
        listener.bind(address)
    except OSError as error:
        listener.close()
        raise wrong("port", f"{host}:{port} cannot be had ({error.strerror})") from None
    return listener


class _Server(uvicorn.Server):
    """uvicorn's server without its signal handlers, that says when it listens."""

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


async def _stop_when(stop: asyncio.Event, server: uvicorn.Server) -> None:
    await stop.wait()
    server.should_exit = True


def _config(app: ASGIApp, settings: ProcessSettings, patience: Patience) -> uvicorn.Config:
    context = server_context(settings)
    protocol: Any = partial(BoundedProtocol, patience=patience)  # uvicorn asks for a class, and calls it
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
