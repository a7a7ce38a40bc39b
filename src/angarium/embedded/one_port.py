"""The three services on one port."""

from starlette.types import ASGIApp, Receive, Scope, Send


class OnePort:
    """The gateway's app, with the users and templates services under their own paths."""

    def __init__(self, gateway: ASGIApp, *, users: ASGIApp, templates: ASGIApp) -> None:
        self._gateway = gateway
        self._beside = {"users": users, "templates": templates}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        first = scope["path"].removeprefix("/").partition("/")[0] if scope["type"] == "http" else ""
        await self._beside.get(first, self._gateway)(scope, receive, send)
