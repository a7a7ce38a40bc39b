"""Look-ups of templates: versions are cached without expiry, the published version for a short time."""

from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from urllib.parse import quote

from pydantic import ValidationError

from angarium.contracts.envelope import Envelope
from angarium.contracts.errors import Transient
from angarium.contracts.templates import CompiledTemplate, PublishedPointer
from angarium.directory.counting import look_up_counts
from angarium.directory.port import DirectoryUnavailable
from angarium.platform.cache.port import Cache, Hears
from angarium.platform.caching import LocalCache
from angarium.platform.clock import Clock
from angarium.platform.http.client.client import ServiceClient
from angarium.platform.telemetry.metrics import Metrics

TOPIC = "templates"
"""Announced with `tenant:code` when the published version of a code changes."""
COPY_LIFE = timedelta(hours=24)
_OK, _NOT_FOUND = 200, 404
_VERSION = Envelope[CompiledTemplate]
_POINTER = Envelope[PublishedPointer]

Name = tuple[str, str]
"""Tenant and code."""


class RestTemplates:
    """Implements `directory.port.Templates` over REST.

    The `max_versions` most recently used versions are cached in the process without expiry, and each in the shared
    cache for a day, for processes that start while the service is down. Which version is published is cached for `ttl`
    and invalidated when a change is announced; concurrent callers share one request. While the service is down, the
    last result stays in use. After a failed call the service is not called for `rest`.
    """

    def __init__(
        self,
        client: ServiceClient,
        cache: Cache,
        clock: Clock,
        *,
        ttl: timedelta = timedelta(seconds=2),
        rest: timedelta = timedelta(seconds=1),
        max_versions: int = 5_000,
        metrics: Metrics | None = None,
    ) -> None:
        self._client = client
        self._cache = cache
        self._clock = clock
        self._rest = rest.total_seconds()
        self._rest_ends = float("-inf")
        self._counts = look_up_counts("templates", metrics)
        self._versions: LocalCache[tuple[str, str, int], CompiledTemplate] = LocalCache(
            clock, max_entries=max_versions, ttl=None
        )
        self._pointers: LocalCache[Name, int] = LocalCache(clock, max_entries=max_versions, ttl=ttl)
        self._last_pointers: LocalCache[Name, int] = LocalCache(clock, max_entries=max_versions, ttl=None)

    def listening(self) -> AbstractAsyncContextManager[Hears]:
        """While this context is open, announced changes take effect at once instead of after `ttl`."""
        return self._cache.listen(TOPIC, self._changed)

    def kept_published(self, tenant: str, code: str) -> CompiledTemplate | None:
        version = self._pointers.peek((tenant, code))
        return None if version is None else self.kept_version(tenant, code, version)

    def kept_version(self, tenant: str, code: str, version: int) -> CompiledTemplate | None:
        kept = self._versions.peek((tenant, code, version))
        if kept is not None:
            self._counts.hit()
        return kept

    async def published(self, tenant: str, code: str) -> CompiledTemplate | None:
        name = (tenant, code)
        version = self._pointers.peek(name) or await self._pointers.get(name, lambda: self._find_pointer(name))
        return None if version is None else await self.version(tenant, code, version)

    async def version(self, tenant: str, code: str, version: int) -> CompiledTemplate | None:
        kept = self.kept_version(tenant, code, version)
        if kept is not None:
            return kept
        self._counts.miss()
        key = (tenant, code, version)
        return await self._versions.get(key, lambda: self._find_version(*key))

    async def _changed(self, text: str) -> None:
        tenant, _, code = text.rpartition(":")
        if tenant and code:
            self._pointers.drop((tenant, code))
        else:
            self._pointers.clear()

    async def _find_pointer(self, name: Name) -> int | None:
        tenant, code = name
        try:
            body = await self._ask(tenant, f"/internal/v1/templates/{quote(code, safe='')}/published")
            version = None if body is None else _POINTER.model_validate_json(body).data.version
        except (Transient, ValidationError) as error:
            known = self._last_pointers.peek(name)
            if known is None:
                raise DirectoryUnavailable from error
            return known
        if version is None:
            self._last_pointers.drop(name)
        else:
            self._last_pointers.put(name, version)
        return version

    async def _find_version(self, tenant: str, code: str, version: int) -> CompiledTemplate | None:
        try:
            body = await self._ask(tenant, f"/internal/v1/templates/{quote(code, safe='')}/versions/{version}")
            found = None if body is None else _VERSION.model_validate_json(body).data
        except (Transient, ValidationError) as error:
            return await self._from_cache(tenant, code, version, error)
        if found is not None:
            await self._cache.set_many({_key(tenant, code, version): found.model_dump_json().encode()}, COPY_LIFE)
        return found

    async def _from_cache(self, tenant: str, code: str, version: int, reason: Exception) -> CompiledTemplate:
        kept = (await self._cache.get_many([_key(tenant, code, version)]))[0]
        try:
            found = CompiledTemplate.model_validate_json(kept or b"")
        except ValidationError:
            raise DirectoryUnavailable from reason
        if (found.tenant, found.code, found.version) != (tenant, code, version):
            raise DirectoryUnavailable from reason
        return found

    async def _ask(self, tenant: str, path: str) -> bytes | None:
        if self._clock.monotonic() < self._rest_ends:
            raise DirectoryUnavailable
        try:
            response = await self._client.get(path, tenant=tenant)
        except Transient:
            self._rest_ends = self._clock.monotonic() + self._rest
            raise
        if response.status_code == _NOT_FOUND:
            return None
        if response.status_code != _OK:
            message = f"the templates service answered {response.status_code}"
            raise DirectoryUnavailable(message)
        return response.content


def _key(tenant: str, code: str, version: int) -> str:
    return f"template.2:{tenant}:{code}:{version}"
