"""The documents of the services behind the gateway, fetched and kept for a minute, and the one merged of all."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus

import msgspec

from angarium.contracts.errors import ServiceUnavailable
from angarium.platform.clock import Clock
from angarium.platform.http.client.client import ServiceClient, ServiceDown
from angarium.services.gateway.documents.introduction import introduced
from angarium.services.gateway.documents.merging import Document, behind_the_gateway, merged

KEPT = timedelta(minutes=1)
"""How long a document is served before the service is asked again."""
MISSING = "x-angarium-missing"
"""The services whose operations are not in the merged document, since they did not answer."""


@dataclass(frozen=True, slots=True)
class _Kept:
    document: Document
    at: datetime


class Documents:
    """`services`: the clients of the services behind the gateway, by the first word of their public paths."""

    def __init__(self, services: Mapping[str, ServiceClient], clock: Clock) -> None:
        self._services = services
        self._clock = clock
        self._kept: dict[str, _Kept] = {}
        self._merged: tuple[tuple[int, ...], bytes] | None = None
        self._turn = asyncio.Lock()

    async def of(self, name: str) -> Document:
        """The document of one service, with its paths behind the gateway. Raises ServiceUnavailable."""
        async with self._turn:
            document = await self._current(name)
        if document is None:
            raise ServiceUnavailable
        return document

    async def all(self, own: Callable[[], Document]) -> bytes:
        """The merged document as JSON. A service that never answered is named in it instead (`MISSING`)."""
        async with self._turn:
            found = {name: await self._current(name) for name in self._services}
            others = {name: document for name, document in found.items() if document is not None}
            state = tuple(id(document) for document in found.values())
            if self._merged is None or self._merged[0] != state:
                self._merged = (state, msgspec.json.encode(self._whole(own(), others)))
            return self._merged[1]

    def _whole(self, own: Document, others: Mapping[str, Document]) -> Document:
        missing = sorted(self._services.keys() - others.keys())
        return {**introduced(merged(own, others)), **({MISSING: missing} if missing else {})}

    async def _current(self, name: str) -> Document | None:
        """The document, at most `KEPT` old, or the last one where the service does not answer."""
        kept, now = self._kept.get(name), self._clock.now()
        if kept is not None and now - kept.at < KEPT:
            return kept.document
        try:
            answer = await self._services[name].get("/openapi.json", tenant="")
        except ServiceDown:
            return kept.document if kept else None
        if answer.status_code != HTTPStatus.OK:
            return kept.document if kept else None
        document = behind_the_gateway(answer.json(), name)
        if kept is not None and document == kept.document:
            document = kept.document  # the merged one is still right
        self._kept[name] = _Kept(document, now)
        return document
