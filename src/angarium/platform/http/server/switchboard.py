"""Connects the services of one process without sockets, through the same clients and apps."""

import httpx2
from starlette.types import ASGIApp, Receive, Scope, Send


class Switchboard:
    """An ASGI app that connects `http://{name}` to the app that was put in under that name.

    A client may be made before its service is there; calls made too early answer 503 like a service that is down.
    """

    def __init__(self) -> None:
        self._apps: dict[str, ASGIApp] = {}

    def put(self, name: str, app: ASGIApp) -> None:
        """Connect `name`."""
        self._apps[name] = app

    def transport(self) -> httpx2.AsyncBaseTransport:
        """What a `ServiceClient` with base URL `http://{name}` sends through."""
        return httpx2.ASGITransport(self, raise_app_exceptions=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._apps.get(scope["server"][0])
        if app is not None:
            await app(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 503, "headers": []})
        await send({"type": "http.response.body", "body": b""})
