"""The probes of every process: `/health`, `/ready`, `/metrics`."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from angarium.contracts.paths import API, API_V1
from angarium.platform.telemetry.metrics import Metrics

Check = Callable[[], Awaitable[str | None]]
"""Returns why a dependency is down, without confidential details; None if it is up."""
CHECK_SECONDS = 2.0
FRESH_SECONDS = 1.0
EXPOSITION = "text/plain; version=0.0.4; charset=utf-8"
PREFIXES = ("", API, API_V1)
"""Prefixes of `/health` and `/ready`: some clients know only a base URL, with or without `/api/v1`."""


class Health:
    """The dependencies of a process. `optional` names checks that are reported but never make it unready."""

    def __init__(
        self, service: str, version: str, checks: Mapping[str, Check], *, optional: frozenset[str] = frozenset()
    ) -> None:
        self.service = service
        self.version = version
        self._checks = {name: _Shared(check) for name, check in checks.items()}
        self._optional = optional

    def add(self, name: str, check: Check) -> None:
        """Add a check."""
        self._checks[name] = _Shared(check)

    async def problems(self) -> dict[str, str | None]:
        """Each dependency and why it is down, None if it is up.

        Checks run concurrently, each for at most 2 s; a check that raises means down. For a second, and while a check
        is running, callers share its result.
        """
        results = await asyncio.gather(*(check.result() for check in self._checks.values()))
        return dict(zip(self._checks, results, strict=True))

    def routes(self, metrics: Metrics) -> list[BaseRoute]:
        """`/health` and `/ready`, below each of `PREFIXES`, and `/metrics`."""

        async def health(_: Request) -> Response:
            return JSONResponse({"status": "healthy", "service": self.service, "version": self.version})

        async def ready(_: Request) -> Response:
            found = await self.problems()
            good = all(problem is None for name, problem in found.items() if name not in self._optional)
            body = {
                "status": "ready" if good else "not_ready",
                "dependencies": {name: "up" if problem is None else "down" for name, problem in found.items()},
                "reasons": {name: problem for name, problem in found.items() if problem is not None},
            }
            return JSONResponse(body, status_code=200 if good else 503)

        async def exposition(_: Request) -> Response:
            return Response(await metrics.exposition(), media_type=EXPOSITION)

        probes = (("/health", health), ("/ready", ready))
        return [
            *(
                Route(f"{prefix}{path}", probe, include_in_schema=False)
                for prefix in PREFIXES
                for path, probe in probes
            ),
            Route("/metrics", exposition, include_in_schema=False),
        ]


def answers(ready: Callable[[], Awaitable[bool]]) -> Check:
    """A check from a function that only returns whether the dependency answers."""

    async def check() -> str | None:
        return None if await ready() else "it does not answer"

    return check


class _Shared:
    """A check whose result is cached for one second, since a check may write and many clients poll."""

    def __init__(self, check: Check) -> None:
        self._check = check
        self._task: asyncio.Task[str | None] | None = None
        self._found_at = 0.0

    async def result(self) -> str | None:
        now = asyncio.get_running_loop().time()
        if self._task is None or (self._task.done() and now - self._found_at >= FRESH_SECONDS):
            self._task = asyncio.create_task(self._bounded())
        return await asyncio.shield(self._task)

    async def _bounded(self) -> str | None:
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                return await self._check()
        except TimeoutError:
            return f"it does not answer within {CHECK_SECONDS:g} s"
        except Exception as error:  # noqa: BLE001 - whatever is wrong, the dependency is not up
            return f"the check failed ({type(error).__name__})"
        finally:
            self._found_at = asyncio.get_running_loop().time()


def probe_app(health: Health, metrics: Metrics) -> ASGIApp:
    """An app with only these three paths, for workers."""
    return Starlette(routes=health.routes(metrics))
