"""The client between services."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from angarium.contracts.scopes import Scope
from angarium.platform.auth.caller import Caller
from angarium.platform.http.client.client import ServiceClient, ServiceDown
from angarium.platform.telemetry.correlation import bind_correlation

CALLER = Caller("acmé", "billing", frozenset({Scope.USERS_READ, Scope.USERS_WRITE}))
Handler = Callable[[httpx2.Request], httpx2.Response]


def client_to(handler: Handler, **options: Any) -> ServiceClient:
    transport = httpx2.MockTransport(handler)
    return ServiceClient("http://users", service_token="t-1", name="users", transport=transport, **options)


async def test_it_carries_who_asks_and_why() -> None:
    seen: list[httpx2.Request] = []

    def handler(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return httpx2.Response(200, json={})

    client = client_to(handler)
    with bind_correlation("c-1", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"):
        await client.get("/users?page=2", tenant="acme", caller=CALLER)
    await client.close()
    (request,) = seen
    assert str(request.url) == "http://users/users?page=2"
    assert request.headers["x-service-token"] == "t-1"
    assert request.headers["x-angarium-tenant"] == "acme"
    assert request.headers["x-angarium-caller"] == "billing"
    assert request.headers["x-angarium-scopes"] == "users:read users:write"
    assert request.headers["x-correlation-id"] == "c-1"
    assert request.headers["traceparent"].startswith("00-0af7651916cd43dd8448eb211c80319c-")


async def test_a_refusal_is_an_answer() -> None:
    client = client_to(lambda _: httpx2.Response(404, json={}))
    assert (await client.post("/x", tenant="t", json={"a": 1})).status_code == 404
    await client.close()


@pytest.mark.parametrize(
    "error",
    [httpx2.ConnectError("refused"), httpx2.ReadTimeout("late"), httpx2.RemoteProtocolError("odd"), OSError("gone")],
)
async def test_no_answer_is_service_down(error: Exception) -> None:
    def handler(_: httpx2.Request) -> httpx2.Response:
        raise error

    client = client_to(handler)
    with pytest.raises(ServiceDown, match="users does not answer"):
        await client.post("/x", tenant="t", json=None)
    await client.close()


async def test_a_fault_of_the_service_is_service_down() -> None:
    client = client_to(lambda _: httpx2.Response(502, text="<html>"))
    with pytest.raises(ServiceDown, match="users answered 502"):
        await client.get("/x", tenant="t")
    await client.close()


async def test_a_call_is_bounded_as_a_whole() -> None:
    async def hang(_scope: Any, _receive: Any, _send: Any) -> None:
        await asyncio.Event().wait()

    client = ServiceClient(
        "http://users", service_token=None, name="users", timeout=0.05, transport=httpx2.ASGITransport(app=hang)
    )
    with pytest.raises(ServiceDown, match="TimeoutError"):
        await client.get("/x", tenant="t")
    await client.close()


async def test_a_get_on_a_stale_connection_is_made_once_more() -> None:
    failures = [httpx2.ReadError("stale"), httpx2.ReadError("stale")]

    def handler(_: httpx2.Request) -> httpx2.Response:
        if failures:
            raise failures.pop()
        return httpx2.Response(200)

    client = client_to(handler)
    with pytest.raises(ServiceDown):
        await client.get("/x", tenant="t")
    failures.append(httpx2.ReadError("stale"))
    assert (await client.get("/x", tenant="t")).status_code == 200
    failures.append(httpx2.ReadError("stale"))
    with pytest.raises(ServiceDown):
        await client.post("/x", tenant="t", json=1)
    await client.close()


async def test_a_request_is_forwarded_and_its_answer_passed_back() -> None:
    seen: list[httpx2.Request] = []

    def handler(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        headers = {"ETag": '"2"', "Location": "/users/1", "Server": "x", "Content-Type": "application/json"}
        return httpx2.Response(412, headers=headers, content=b'{"a":1}')

    client = client_to(handler)
    answer = await client.forward(
        "PUT",
        "/users/1",
        caller=CALLER,
        query="a=1&a=2",
        body=b"{}",
        headers={"if-match": '"1"', "content-type": "application/json", "x-api-key": "canary", "host": "evil"},
    )
    await client.close()
    assert (answer.status, answer.body) == (412, b'{"a":1}')
    assert dict(answer.headers) == {"content-type": "application/json", "etag": '"2"', "location": "/users/1"}
    (request,) = seen
    assert (request.method, str(request.url), request.content) == ("PUT", "http://users/users/1?a=1&a=2", b"{}")
    assert request.headers["if-match"] == '"1"'
    assert request.headers["host"] == "users"
    assert "x-api-key" not in request.headers
    assert request.headers["x-angarium-tenant"] == "acm%C3%A9"


async def test_a_503_in_json_is_passed_back_and_a_page_is_not() -> None:
    busy = {"content-type": "application/json", "retry-after": "5"}
    client = client_to(lambda _: httpx2.Response(503, headers=busy, content=b"{}"))
    answer = await client.forward("GET", "/users", caller=CALLER)
    assert (answer.status, answer.headers["retry-after"]) == (503, "5")
    await client.close()
    client = client_to(lambda _: httpx2.Response(502, html="<html>"))
    with pytest.raises(ServiceDown):
        await client.forward("GET", "/users", caller=CALLER)
    await client.close()


async def test_the_other_side_reads_what_it_carries(build: Callable[..., FastAPI]) -> None:
    transport = httpx2.ASGITransport(app=build())
    client = ServiceClient("http://things", service_token="service-token", name="things", transport=transport)
    answer = await client.get("/api/v1/internal/thing", tenant=CALLER.tenant, caller=CALLER)
    assert answer.json()["data"] == ["acmé", "billing", "users:read", "users:write"]
    await client.close()
