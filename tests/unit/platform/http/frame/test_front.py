"""What is decided before a body is read."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

import httpx2
import pytest
from fastapi import APIRouter, Depends, Query

from angarium.contracts.envelope import Envelope, one
from angarium.contracts.errors import Transient
from angarium.contracts.scopes import Scope
from angarium.platform.auth.caller import Caller
from angarium.platform.http.frame.bodies import BodyRules
from angarium.platform.http.frame.dependencies import requires, service_only
from angarium.platform.http.frame.heads import Heads, Parameters
from angarium.platform.rate_limit.limiter import RateLimiter
from angarium.platform.settings.values import RateLimit
from angarium.platform.telemetry.metrics import Metrics
from tests.support.clock import ManualClock
from tests.unit.platform.http.conftest import TOKEN, Build, Thing, client_of

Writer = Annotated[Caller, Depends(requires(Scope.USERS_WRITE))]
router = APIRouter()


@router.post("/api/v1/wide")
async def wide(caller: Writer, thing: Thing, tag: Annotated[list[str] | None, Query()] = None) -> Envelope[str]:
    return one(f"{caller.name} {thing.name} {tag}")


@router.get("/api/v1/wide")
async def listed(caller: Writer, tag: Annotated[list[str] | None, Query()] = None, limit: int = 1) -> Envelope[str]:
    return one(f"{caller.name} {tag} {limit}")


@router.post("/api/v1/open")
async def opened(thing: Thing) -> Envelope[str]:
    return one(thing.name)


@router.get("/plain")
async def plain(caller: Writer, limit: int = 1) -> Envelope[int]:
    return one(limit)


@router.get("/internal/v1/plain")
async def inner(caller: Annotated[Caller, Depends(service_only)]) -> Envelope[str]:
    return one(caller.name)


@router.get("/things/{thing_id}")
async def by_id(thing_id: str) -> Envelope[str]:
    return one(thing_id)


@router.post("/things/all")
async def every_one() -> Envelope[str]:
    return one("all")


@pytest.fixture
async def front(build: Build) -> AsyncIterator[httpx2.AsyncClient]:
    async with client_of(build(routers=[router], body_limits={"/api/v1/wide": 1024 * 1024})) as client:
        yield client


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/api/v1/wide", {}, 401),
        ("/api/v1/wide", {"x-api-key": "reader"}, 403),
        ("/api/v1/wide?x=1", {"x-api-key": "boss"}, 400),
        ("/api/v1/wide", {"x-api-key": "boss", "content-type": "text/plain"}, 415),
        ("/api/v1/wide", {"x-api-key": "boss", "content-encoding": "gzip"}, 415),
        ("/api/v1/wide", {"x-api-key": "boss", "content-length": str(2 * 1024 * 1024)}, 413),
        ("/nowhere", {}, 404),
        ("/plain", {}, 405),
    ],
)
async def test_nothing_of_the_body_is_read(build: Build, path: str, headers: dict[str, str], status: int) -> None:
    app = build(routers=[router], body_limits={"/api/v1/wide": 1024 * 1024})
    answers: list[Any] = []

    async def receive() -> Any:
        pytest.fail("the body was read")

    async def send(message: Any) -> None:
        answers.append(message)

    name, _, query = path.partition("?")
    given = {"content-length": "300000", **headers}
    scope = {
        "type": "http",
        "method": "POST",
        "path": name,
        "query_string": query.encode(),
        "headers": [(key.encode(), value.encode()) for key, value in given.items()],
    }
    await app(scope, receive, send)
    assert answers[0]["status"] == status
    assert (b"connection", b"close") in answers[0]["headers"]


async def test_a_limited_caller_is_counted_once(build: Build) -> None:
    limiter = RateLimiter(RateLimit.parse("2/hour"), shared=None, clock=ManualClock(), metrics=Metrics())
    async with client_of(build(routers=[router], limiter=limiter)) as client:
        boss = {"x-api-key": "boss"}
        answers = [await client.post("/api/v1/wide", headers=boss, json={"name": "a"}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert [answer.headers["ratelimit-remaining"] for answer in answers] == ["1", "0", "0"]


async def test_an_unavailable_authenticator_is_a_503_with_retry_after(build: Build) -> None:
    class Away:
        async def authenticate(self, _: object) -> Caller:
            raise Transient

    async with client_of(build(routers=[router], authenticator=Away())) as client:
        answer = await client.post("/api/v1/wide", json={"name": "a"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "service_unavailable")
    assert answer.headers["retry-after"]


async def test_a_route_without_authentication_takes_32_kb(front: httpx2.AsyncClient) -> None:
    body = b'{"name": "a"}'
    fits = body + b" " * (32 * 1024 - len(body))
    assert (await front.post("/api/v1/open", content=fits)).status_code == 200
    answer = await front.post("/api/v1/open", content=fits + b" ")
    assert (answer.status_code, "32768" in answer.json()["message"]) == (413, True)


async def test_what_is_over_the_budget_is_a_503(build: Build) -> None:
    """Eight bodies of 16 MB, of two tenants, would fit; a fifth of one tenant doesn't."""
    megabytes = 16 * 1024 * 1024
    app = build(routers=[router], body_limits={"/api/v1/wide": megabytes})
    release, arrived = asyncio.Event(), asyncio.Semaphore(0)

    async def slow() -> AsyncIterator[bytes]:
        yield b" " * (megabytes - 16)
        arrived.release()
        await release.wait()
        yield b'{"name":"a"}'

    async with client_of(app) as client:
        boss = {"x-api-key": "boss"}
        tasks = [asyncio.create_task(client.post("/api/v1/wide", headers=boss, content=slow())) for _ in range(4)]
        for _ in tasks:
            await arrived.acquire()
        refused = await client.post("/api/v1/wide", headers=boss, content=b" " * 1_000_000)
        small = await client.post("/api/v1/wide", headers=boss, json={"name": "b"})
        release.set()
        answers = [await task for task in tasks]
        later = await client.post("/api/v1/wide", headers=boss, content=b'{"name":"a"}' + b" " * 1_000_000)
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "2")
    assert [answer.status_code for answer in (*answers, small, later)] == [200] * 6


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/api/v1/wide?tag=a&tag=b", None),
        ("/api/v1/wide?limit=1&limit=1", {"limit": "must be given once"}),
        ("/api/v1/wide?Limit=1&x&x", {"Limit": "unknown query parameter", "x": "unknown query parameter"}),
        ("/api/v1/wide?" + "&".join(f"x{n}=1" for n in range(200)), {"query": "must have at most 100 parameters"}),
        ("/plain?x=1", None),
    ],
)
async def test_queries_are_checked_under_api(
    front: httpx2.AsyncClient, path: str, expected: dict[str, str] | None
) -> None:
    answer = await front.get(path, headers={"x-api-key": "boss"})
    details = (answer.json()["error"] or {"details": []})["details"]
    assert {detail["field"]: detail["message"] for detail in details} == (expected or {})
    assert answer.status_code == (400 if expected else 200)


async def test_what_the_gateway_passes_on_is_checked_where_it_is_known(front: httpx2.AsyncClient) -> None:
    service = {"x-service-token": TOKEN}
    assert (await front.get("/plain?x=1", headers=service)).status_code == 400
    assert (await front.get("/plain?limit=2", headers=service)).status_code == 200
    assert (await front.get("/internal/v1/plain?x=1", headers=service)).status_code == 200


async def test_head_shows_what_get_would(front: httpx2.AsyncClient) -> None:
    boss = {"x-api-key": "boss"}
    got, head = await front.get("/api/v1/wide", headers=boss), await front.head("/api/v1/wide", headers=boss)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == got.headers["content-length"]
    refused = await front.head("/api/v1/wide")
    assert (refused.status_code, refused.content) == (401, b"")


async def test_a_route_with_a_name_comes_before_none(build: Build) -> None:
    """The order is the framework's, whatever has parameters."""
    heads = Heads(build(routers=[router]).router.routes, BodyRules({}, ()))
    for method, path, template in (
        ("GET", "/things/all", "/things/{thing_id}"),
        ("POST", "/things/all", "/things/all"),
        ("GET", "/things/1", "/things/{thing_id}"),
    ):
        found = heads.find(method, path)
        assert found is not None
        assert found.head is not None
        assert found.head.path_format == template
    other = heads.find("PUT", "/things/all")
    assert other is not None
    assert other.head is None
    assert other.allowed == {"GET", "HEAD", "POST"}
    assert heads.find("GET", "/things/1/2") is None


def test_a_parameter_is_known_by_its_exact_name() -> None:
    parameters = Parameters(single=frozenset({"from"}))
    parameters.check(b"from=a")
    parameters.check(b"fr%6Fm=")
    for query in (b"from=a&from=b", b"FROM=a", b"from[]=a", b"=a", b"from;x=1"):
        with pytest.raises(Exception, match="Validation failed"):
            parameters.check(query)
