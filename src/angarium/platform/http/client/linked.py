"""HTTP exchanges with services in the parent process, over a link instead of a port."""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from angarium.platform.http.client.exchange import Answer, ConnectionLost, Exchange
from angarium.platform.link.link import Link, LinkClosed, Refused

CALL: Final = "http.call"


class _Request(msgspec.Struct, array_like=True, frozen=True):
    service: str
    method: str
    target: str
    headers: Sequence[tuple[str, str]]
    content: bytes


class _Response(msgspec.Struct, array_like=True, frozen=True):
    status: int
    headers: Sequence[tuple[str, str]]
    content: bytes


class LinkedExchange:
    """Implements `Exchange` with one service of the process at the other end. Closing it leaves the link open."""

    def __init__(self, link: Link, service: str) -> None:
        self._link = link
        self._service = service

    async def ask(self, method: str, target: str, headers: Mapping[str, str], content: bytes) -> Answer:
        sent = _Request(self._service, method, target, list(headers.items()), content)
        try:
            answered = await self._link.ask(CALL, msgspec.msgpack.encode(sent))
        except Refused as error:
            raise (ValueError if error.name == "ValueError" else ConnectionLost)(error.message) from error
        except LinkClosed as error:
            raise ConnectionLost("the process with the service has ended") from error
        response = msgspec.msgpack.decode(answered, type=_Response)
        return Answer(response.status, dict(response.headers), response.content)

    async def close(self) -> None:
        """Nothing to close."""


def serve_calls(link: Link, services: Mapping[str, Exchange]) -> None:
    """Perform the exchanges for which the other end asks, with the service that it names."""

    async def call(payload: bytes) -> bytes:
        asked = msgspec.msgpack.decode(payload, type=_Request)
        service = services[asked.service]
        answer = await service.ask(asked.method, asked.target, dict(asked.headers), asked.content)
        return msgspec.msgpack.encode(_Response(answer.status_code, list(answer.headers.items()), answer.content))

    link.answer(CALL, call)
