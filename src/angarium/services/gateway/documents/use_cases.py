"""Fetches and merges the OpenAPI documents of the services behind the gateway. Cached for a minute."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus

import msgspec

from angarium.contracts.errors import ServiceUnavailable
from angarium.platform.clock import Clock
from angarium.platform.http.client.client import ServiceClient, ServiceDown
from angarium.services.gateway.documents.introduction import with_introduction
from angarium.services.gateway.documents.merging import Document, behind_the_gateway, merged

KEPT = timedelta(minutes=1)
"""How long a document is cached."""
MISSING = "x-angarium-missing"
"""The field with the services whose operations are missing from the merged document because they did not answer."""


@dataclass(frozen=True, slots=True)
class _Cached:
    document: Document
    at: datetime


class Documents:
    """`services` has the clients of the services behind the gateway, by the first segment of their public paths."""

    def __init__(self, services: Mapping[str, ServiceClient], clock: Clock) -> None:
        self._services = services
        self._clock = clock
        self._cached: dict[str, _Cached] = {}
        self._merged: tuple[tuple[int, ...], bytes] | None = None
        self._lock = asyncio.Lock()

    async def of(self, name: str) -> Document:
        """The document of one service, with its paths as clients call them. Raises ServiceUnavailable."""
        async with self._lock:
            document = await self._current(name)
        if document is None:
            raise ServiceUnavailable
        return document

    async def all(self, own: Callable[[], Document]) -> bytes:
        """The merged document as JSON. Services that have not answered yet are listed in the field `MISSING`."""
        async with self._lock:
            found = {name: await self._current(name) for name in self._services}
            others = {name: document for name, document in found.items() if document is not None}
            state = tuple(id(document) for document in found.values())
            if self._merged is None or self._merged[0] != state:
                self._merged = (state, msgspec.json.encode(self._whole(own(), others)))
            return self._merged[1]

    def _whole(self, own: Document, others: Mapping[str, Document]) -> Document:
        missing = sorted(self._services.keys() - others.keys())
        return {**with_introduction(merged(own, others)), **({MISSING: missing} if missing else {})}

    async def _current(self, name: str) -> Document | None:
        """The document, at most `KEPT` old. If the service does not answer, the last one, or None without one."""
        cached, now = self._cached.get(name), self._clock.now()
        if cached is not None and now - cached.at < KEPT:
            return cached.document
        try:
            answer = await self._services[name].get("/openapi.json", tenant="")
        except ServiceDown:
            return cached.document if cached else None
        if answer.status_code != HTTPStatus.OK:
            return cached.document if cached else None
        document = behind_the_gateway(answer.json(), name)
        if cached is not None and document == cached.document:
            document = cached.document  # the same object, so that `all` does not merge again
        self._cached[name] = _Cached(document, now)
        return document
