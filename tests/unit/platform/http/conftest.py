"""A small service in the frame, and a client to it."""

import io
import json
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Annotated, Any, Self
from uuid import UUID

import httpx2
import pytest
from fastapi import APIRouter, Depends, FastAPI, Path, Query, Request
from prometheus_client import CollectorRegistry
from pydantic import Field, model_validator

from angarium.contracts.envelope import Envelope, many, one
from angarium.contracts.errors import RateLimited, Rejected, Transient, Unauthorized
from angarium.contracts.fields import Body, field_error
from angarium.contracts.scopes import Scope
from angarium.platform.auth.caller import Caller
from angarium.platform.auth.service_token import ServiceTokens
from angarium.platform.http.frame.app import build_app
from angarium.platform.http.frame.dependencies import Page, authenticated, requires, service_only
from angarium.platform.http.frame.health import Health
from angarium.platform.telemetry.correlation import current_correlation_id, current_traceparent
from angarium.platform.telemetry.logging import make_logger
from angarium.platform.telemetry.metrics import Metrics
from tests.support.clock import ManualClock
from tests.support.runtime import a_runtime

TOKEN = "service-token"


class Part(Body):
    """An inner body."""

    name: str


class Thing(Body):
    """A body with all that can be wrong."""

    name: str
    count: int = 1
    parts: list[Part] = Field(default_factory=list)
    token: str | dict[str, Any] = ""
    free: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _not_zero(self) -> Self:
        if self.count == 0:
            raise field_error("count", "must not be zero")
        return self


class KeyRing:
    """Two keys: one that may read, one that may do all."""

    async def authenticate(self, headers: Mapping[str, str]) -> Caller:
        service = ServiceTokens(TOKEN).authenticate(headers)
        if service is not None:
            return service
        scopes = {"reader": frozenset({Scope.USERS_READ}), "boss": frozenset({Scope.ADMIN})}
        if (key := headers.get("x-api-key", "")) not in scopes:
            raise Unauthorized
        return Caller("default", key, scopes[key])


router = APIRouter(prefix="/api/v1")


@router.post("/things", status_code=201)
async def create(thing: Thing) -> Envelope[dict[str, Any]]:
    return one(thing.model_dump())


@router.get("/things")
async def listed(page: Page) -> Envelope[list[int]]:
    return many([page.page, page.limit, page.offset], total=25, limit=page.limit, page=page.page)


@router.get("/things/{thing_id}")
async def read(thing_id: Annotated[UUID, Path()], deep: Annotated[bool, Query()] = False) -> Envelope[str]:
    return one(f"{thing_id} {deep}")


@router.delete("/things/{thing_id}")
async def delete(thing_id: UUID, caller: Annotated[Caller, Depends(requires(Scope.USERS_WRITE))]) -> Envelope[str]:
    return one(f"{thing_id} by {caller.name}")


@router.get("/secret")
async def secret(caller: Annotated[Caller, Depends(requires(Scope.USERS_READ))]) -> Envelope[str]:
    return one(caller.name)


@router.get("/me")
async def me(caller: Annotated[Caller, Depends(authenticated)]) -> Envelope[str]:
    return one(caller.name)


@router.get("/context")
async def context() -> Envelope[list[str | None]]:
    return one([current_correlation_id(), current_traceparent()])


@router.post("/raw/echo")
async def echo(request: Request) -> Envelope[int]:
    return one(len(await request.body()))


@router.post("/fail/{how}")
async def fail(how: str) -> Envelope[str]:
    errors: dict[str, Exception] = {
        "rejected": RateLimited(retry_after=7),
        "transient": Transient("the store"),
        "broken": RuntimeError("canary"),
        "base": Rejected(),
    }
    raise errors[how]


@router.get("/internal/thing")
async def internal(caller: Annotated[Caller, Depends(service_only)]) -> Envelope[list[str]]:
    return one([caller.tenant, caller.name, *sorted(caller.scopes)])


Build = Callable[..., FastAPI]


@pytest.fixture
def log() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(CollectorRegistry())


@pytest.fixture
def build(log: io.StringIO, metrics: Metrics) -> Build:
    def built(**changes: Any) -> FastAPI:
        clock = ManualClock()
        parts: dict[str, Any] = {
            "service": "things",
            "title": "Things <b>",
            "runtime": a_runtime(clock=clock, logger=make_logger("things", stream=log), metrics=metrics),
            "health": Health("things", "0.1.0", {}),
            "authenticator": KeyRing(),
            "body_limits": {"/api/v1/raw/echo": 1024 * 1024, "/api/v1/things": 256 * 1024},
            "raw_bodies": ("/api/v1/raw",),
            "routers": [router],
        }
        return build_app(**{**parts, **changes})

    return built


@pytest.fixture
async def client(build: Build) -> AsyncIterator[httpx2.AsyncClient]:
    async with client_of(build()) as opened:
        yield opened


def client_of(app: Any) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://things")


def logged(log: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.getvalue().splitlines()]
