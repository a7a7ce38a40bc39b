"""The plain paths of every process: alive, ready, measured."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from angarium.platform.telemetry.metrics import Metrics

Check = Callable[[], Awaitable[bool]]
CHECK_SECONDS = 2.0
EXPOSITION = "text/plain; version=0.0.4; charset=utf-8"
HEALTH_PATHS = frozenset({"/health", "/ready", "/metrics"})


class Health:
    """What a process depends on. `optional` names checks that are reported but never make it unready."""

    def __init__(
        self, service: str, version: str, checks: Mapping[str, Check], *, optional: frozenset[str] = frozenset()
    ) -> None:
        self.service = service
        self.version = version
        self._checks = dict(checks)
        self._optional = optional

    async def dependencies(self) -> dict[str, bool]:
        """Each dependency and whether it is up; asked at once, each for at most 2 s; a check that raises is down."""
        results = await asyncio.gather(*(_bounded(check) for check in self._checks.values()))
        return dict(zip(self._checks, results, strict=True))

    def routes(self, metrics: Metrics) -> list[BaseRoute]:
        """`/health`, `/ready` and `/metrics`."""

        async def health(_: Request) -> Response:
            return JSONResponse({"status": "healthy", "service": self.service, "version": self.version})

        async def ready(_: Request) -> Response:
            found = await self.dependencies()
            good = all(up for name, up in found.items() if name not in self._optional)
            words = {name: "up" if up else "down" for name, up in found.items()}
            body = {"status": "ready" if good else "not_ready", "dependencies": words}
            return JSONResponse(body, status_code=200 if good else 503)

        async def exposition(_: Request) -> Response:
            return Response(metrics.render(), media_type=EXPOSITION)

        return [
            Route("/health", health, include_in_schema=False),
            Route("/ready", ready, include_in_schema=False),
            Route("/metrics", exposition, include_in_schema=False),
        ]


async def _bounded(check: Check) -> bool:
    try:
        return await asyncio.wait_for(check(), CHECK_SECONDS)
    except Exception:  # noqa: BLE001 - whatever is wrong, the dependency is not up
        return False


def probe_app(health: Health, metrics: Metrics) -> ASGIApp:
    """The three paths alone, for workers."""
    return Starlette(routes=health.routes(metrics))
