"""Checks of a request's head: a body is read only for a caller who may send it."""

from collections.abc import Callable, Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from angarium.contracts.errors import MethodNotAllowed, NotFound, Rejected, ServiceUnavailable, Transient
from angarium.platform.auth.caller import Caller
from angarium.platform.http.budget import BodyBudget
from angarium.platform.http.frame.answers import refuse
from angarium.platform.http.frame.bodies import (
    DEFAULT_BODY_LIMIT,
    ClientLeft,
    check_large,
    check_length,
    check_media_type,
    decode_body,
    read_body,
    replay,
)
from angarium.platform.http.frame.dependencies import CALLER_KEY
from angarium.platform.http.frame.headers import headers_of
from angarium.platform.http.frame.heads import Found, Head, Heads
from angarium.platform.http.server.lingering import has_body, is_short
from angarium.platform.telemetry.logging import Logger

_UNREAD = "angarium.unread"
"""Key of the ASGI scope that marks an unread body."""
_WITHOUT_JSON = frozenset({"GET", "HEAD", "OPTIONS"})
_NO_CONTENT = 204


class FrontMiddleware:
    """Rejects requests by their head: 404, 405, 401, 403, 429, 415, an invalid query or length.

    Then reads the body within its limit and the budget; it must be strict JSON unless the path is raw. A rejection
    before the body was read closes the connection, unless the caller is authenticated and the body is short. HEAD is
    answered as GET without a body (RFC 9110 §9.3.2). OPTIONS is answered for `*` only, so CORS preflights fail. `heads`
    is called at the first request.
    """

    def __init__(self, app: ASGIApp, *, heads: Callable[[], Heads], budget: BodyBudget, logger: Logger) -> None:
        self._app = app
        self._heads = heads
        self._budget = budget
        self._logger = logger

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = headers_of(scope)
        scope[_UNREAD] = has_body(headers)
        if scope["method"] == "HEAD":
            send = _bodiless(send)
        try:
            await self._serve(scope, headers, receive, send)
        except ClientLeft:
            return
        except Rejected as error:
            await self._refuse(error, scope, headers, receive, send)
        except Transient as error:
            self._logger.warning("request.unavailable", error=error)
            await self._refuse(ServiceUnavailable(), scope, headers, receive, send)

    async def _serve(self, scope: Scope, headers: Mapping[str, str], receive: Receive, send: Send) -> None:
        if scope["method"] == "OPTIONS" and scope["path"] == "*":
            await _options(self._heads().methods, scope, receive, send)
            return
        found = self._heads().find(scope["method"], scope["path"])
        if found is None:
            raise NotFound
        if found.head is None:
            await self._serve_implied(found, scope, headers, receive, send)
        else:
            await self._serve_route(found.head, found, scope, headers, receive, send)

    async def _serve_implied(
        self, found: Found, scope: Scope, headers: Mapping[str, str], receive: Receive, send: Send
    ) -> None:
        """Answer a method that no route declares."""
        if scope["method"] == "HEAD" and "GET" in found.allowed:
            inner = {**scope, "method": "GET"}  # the server looks at the method of its own scope
            try:
                await self._serve(inner, headers, receive, _with_findings(inner, scope, send))
            finally:
                scope.update({**inner, "method": "HEAD"})
        else:
            error = MethodNotAllowed()
            error.headers = {"allow": _listed(found.allowed)}
            raise error

    async def _serve_route(
        self, head: Head, found: Found, scope: Scope, headers: Mapping[str, str], receive: Receive, send: Send
    ) -> None:
        scope["route"] = head  # what metrics and logs call the request
        scope["path_params"] = dict(found.path_parameters)
        caller = await head.admit(Request(scope))
        head.check_query(scope, headers)
        if not scope[_UNREAD]:
            await self._app(scope, receive, send)
            return
        json = scope["method"] not in _WITHOUT_JSON and not head.raw
        check_length(headers, head.limit)
        check_media_type(headers, raw=not json)
        with self._budget.share(_payer(caller)) as share:
            body = await read_body(receive, head.limit, share if head.limit > DEFAULT_BODY_LIMIT else None)
            scope[_UNREAD] = False
            check_large(body, head.needs)
            if body and json:
                await decode_body(body)
            await self._app(scope, replay(body, receive), send)

    async def _refuse(
        self, error: Rejected, scope: Scope, headers: Mapping[str, str], receive: Receive, send: Send
    ) -> None:
        answer = end_if_unread(refuse(error), scope, headers, unread=scope[_UNREAD])
        await answer(scope, receive, send)


def end_if_unread(
    answer: Response, scope: Scope, headers: Mapping[str, str], *, unread: bool | None = None
) -> Response:
    """Mark `answer` with `Connection: close` if an unread body is left that is not worth reading."""
    left = scope.get(_UNREAD, False) if unread is None else unread
    if left and not (CALLER_KEY in scope and is_short(headers)):
        answer.headers["connection"] = "close"
    return answer


def _payer(caller: Caller | None) -> str:
    return caller.tenant if caller is not None else ""


async def _options(allowed: frozenset[str], scope: Scope, receive: Receive, send: Send) -> None:
    answer = Response(status_code=_NO_CONTENT, headers={"allow": _listed(allowed)})
    await answer(scope, receive, send)


def _listed(methods: frozenset[str]) -> str:
    return ", ".join(sorted(methods))


def _with_findings(inner: Scope, outer: Scope, send: Send) -> Send:
    """A `send` that copies the caller's data to the outer middleware's scope before the answer starts."""

    async def send_known(message: Message) -> None:
        if message["type"] == "http.response.start":
            outer.update({**inner, "method": "HEAD"})
        await send(message)

    return send_known


def _bodiless(send: Send) -> Send:
    """`send` for the answer to a HEAD."""

    async def send_head(message: Message) -> None:
        await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

    return send_head
