"""Connects the services of one process without sockets, using the same clients and apps."""

import httpx2
from starlette.types import ASGIApp, Receive, Scope, Send


class Switchboard:
    """An ASGI app that routes `http://{name}` to the app registered under that name.

    A client may be created before its service; calls that come too early get a 503, as from a service that is down.
    """

    def __init__(self) -> None:
        self._apps: dict[str, ASGIApp] = {}

    def put(self, name: str, app: ASGIApp) -> None:
        """Register `app` under `name`."""
        self._apps[name] = app

    def transport(self) -> httpx2.AsyncBaseTransport:
        """The transport of a `ServiceClient` with base URL `http://{name}`."""
        return httpx2.ASGITransport(self, raise_app_exceptions=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._apps.get(scope["server"][0])
        if app is not None:
            await app(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 503, "headers": []})
        await send({"type": "http.response.body", "body": b""})
