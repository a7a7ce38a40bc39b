"""Direct routes answer as the framework would: each request goes both ways."""

import asyncio
import io
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from typing import Annotated, Any

import httpx2
import pytest
from fastapi import APIRouter, Depends
from starlette.responses import Response

from angarium.contracts.errors import RateLimited, Transient
from angarium.contracts.scopes import Scope
from angarium.platform.auth.caller import Caller
from angarium.platform.http.frame.answers import JsonBytes
from angarium.platform.http.frame.app import ServiceApp
from angarium.platform.http.frame.dependencies import requires
from angarium.platform.http.frame.direct import ServiceRoute, direct_route
from angarium.platform.rate_limit.limiter import RateLimiter
from angarium.platform.settings.values import RateLimit
from angarium.platform.telemetry.correlation import current_correlation_id, current_traceparent
from angarium.platform.telemetry.metrics import Metrics
from tests.support.clock import ManualClock
from tests.unit.platform.http.conftest import TOKEN, Build, Thing, client_of, logged

PATH = "/api/v1/direct"
BOSS = {"x-api-key": "boss"}
GIVEN = {"x-correlation-id": "c-1"}
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
FAILURES: Mapping[str, Exception] = {
    "limited": RateLimited(retry_after=7),
    "transient": Transient("the store"),
    "broken": RuntimeError("canary"),
}
router = APIRouter(route_class=direct_route(Thing, Scope.USERS_WRITE))
inner = APIRouter(route_class=ServiceRoute)


@router.post(PATH, response_model=None)
async def create(body: Thing, caller: Annotated[Caller, Depends(requires(Scope.USERS_WRITE))]) -> Response:
    if body.name in FAILURES:
        raise FAILURES[body.name]
    trace = (current_traceparent() or "")[:35]
    text = f"{caller.name} {body.name} {current_correlation_id() == 'c-1'} {trace == TRACE[:35]}"
    return JsonBytes(text.encode(), status_code=202, headers={"idempotent-replayed": "true"})


@inner.post("/internal/v1/direct", response_model=None)
async def ask(caller: Caller, content: Any) -> Response:
    return JsonBytes(f"{caller.name} {content}".encode())


REQUESTS: Mapping[str, Mapping[str, Any]] = {
    "good": {"headers": {**BOSS, **GIVEN}, "json": {"name": "a"}},
    "no correlation id": {"headers": BOSS, "json": {"name": "a"}},
    "bad correlation id": {"headers": {**BOSS, "x-correlation-id": "a b"}, "json": {"name": "a"}},
    "traced": {"headers": {**BOSS, **GIVEN, "traceparent": TRACE}, "json": {"name": "a"}},
    "last slash": {"path": f"{PATH}/", "headers": BOSS, "json": {"name": "a"}},
    "no caller": {"json": {"name": "a"}},
    "wrong key": {"headers": {"x-api-key": "nobody"}, "json": {"name": "a"}},
    "too few rights": {"headers": {"x-api-key": "reader"}, "json": {"name": "a"}},
    "a service": {"headers": {"x-service-token": TOKEN}, "json": {"name": "a"}},
    "wrong field": {"headers": BOSS, "json": {"name": "a", "colour": "red", "parts": [{"name": 1}]}},
    "wrong as a whole": {"headers": BOSS, "json": {"name": "a", "count": 0}},
    "no object": {"headers": BOSS, "json": [1]},
    "no body": {"headers": BOSS},
    "no JSON": {"headers": {**BOSS, "content-type": "application/json"}, "content": b'{"name": "a"'},
    "NaN": {"headers": {**BOSS, "content-type": "application/json"}, "content": b'{"name": NaN}'},
    "JSON by another name": {
        "headers": {**BOSS, "content-type": "application/vnd.x+json; charset=utf-8"},
        "content": b'{"name": "a"}',
    },
    "undeclared": {"headers": BOSS, "content": b'{"name": "a"}'},
    "a form": {"headers": BOSS, "data": {"name": "a"}},
    "compressed": {"headers": {**BOSS, "content-encoding": "gzip"}, "json": {"name": "a"}},
    "large": {"headers": BOSS, "json": {"name": "a" * 300_000}},
    "no length": {"headers": {**BOSS, "content-length": "x"}, "json": {"name": "a"}},
    "deep": {"headers": {**BOSS, "content-type": "application/json"}, "content": b"[" * 70 + b"]" * 70},
    "another method": {"method": "GET", "headers": BOSS},
    **{name: {"headers": {**BOSS, **GIVEN}, "json": {"name": name}} for name in FAILURES},
    "service path": {"path": "/internal/v1/direct", "headers": {"x-service-token": TOKEN}, "json": {"a": 1}},
    "service path, by a key": {"path": "/internal/v1/direct", "headers": BOSS, "json": {"a": 1}},
    "service path, wrong token": {"path": "/internal/v1/direct", "headers": {"x-service-token": "x"}, "json": {}},
}


def _built(build: Build, *, fast_paths: bool = True) -> ServiceApp:
    limiter = RateLimiter(RateLimit(100, timedelta(seconds=1)), shared=None, clock=ManualClock(), metrics=Metrics())
    app = build(routers=[router, inner], limiter=limiter, fast_paths=fast_paths)
    assert isinstance(app, ServiceApp)
    return app


@pytest.fixture
async def direct(build: Build) -> AsyncIterator[httpx2.AsyncClient]:
    async with client_of(_built(build)) as client:
        yield client


@pytest.fixture
async def plain(build: Build) -> AsyncIterator[httpx2.AsyncClient]:
    app = _built(build, fast_paths=False)
    assert app.direct is None
    async with client_of(app) as client:
        yield client


async def _answer(client: httpx2.AsyncClient, request: Mapping[str, Any]) -> tuple[int, list[tuple[str, str]], str]:
    named = {"method": "POST", "path": PATH, **request}
    path = named.pop("path")
    answer = await client.request(url=path, **named)
    made = answer.headers["x-correlation-id"]
    return answer.status_code, sorted(answer.headers.multi_items()), answer.text.replace(made, "made")


@pytest.mark.parametrize("name", REQUESTS)
async def test_both_ways_give_the_same_answer(
    name: str, direct: httpx2.AsyncClient, plain: httpx2.AsyncClient, log: io.StringIO
) -> None:
    status, headers, text = await _answer(direct, REQUESTS[name])
    lines = logged(log)
    expected_status, expected_headers, expected_text = await _answer(plain, REQUESTS[name])
    assert (status, text) == (expected_status, expected_text)
    assert [_steady(line) for line in headers] == [_steady(line) for line in expected_headers]
    assert [line["event"] for line in lines] == [line["event"] for line in logged(log)[len(lines) :]]


def _steady(line: tuple[str, str]) -> tuple[str, str]:
    return (line[0], "made") if line[0] == "x-correlation-id" and line[1] != "c-1" else line


async def test_every_answer_says_how_the_caller_stands(direct: httpx2.AsyncClient) -> None:
    answer = await direct.post(PATH, headers=BOSS, json={"name": 1})
    assert (answer.status_code, answer.headers["ratelimit-limit"]) == (400, "100")


async def test_requests_are_counted_by_route(direct: httpx2.AsyncClient, metrics: Metrics) -> None:
    await direct.post(f"{PATH}/", headers=BOSS, json={"name": "a"})
    counted = f'angarium_http_requests_total{{method="POST",route="{PATH}",service="things",status="202"}} 1.0'
    assert counted in metrics.render().decode()


async def test_a_client_that_leaves_before_its_body_has_come_gets_no_answer(build: Build, metrics: Metrics) -> None:
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(0)
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"x-api-key", b"boss"), (b"content-length", b"5")]
    scope = {"type": "http", "method": "POST", "path": PATH, "query_string": b"", "headers": headers}
    await _built(build)(scope, receive, send)
    assert not sent
    assert 'status="499"' in metrics.render().decode()
