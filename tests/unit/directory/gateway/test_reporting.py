"""What clients change directly at a service reaches the audit log."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from angarium.directory.gateway import reporting
from angarium.directory.gateway.reporting import ChangeReports, ReportingMiddleware
from angarium.platform.auth.caller import Caller
from angarium.platform.http.client.client import ServiceClient
from angarium.platform.http.frame.dependencies import CALLER_KEY
from tests.support.clock import ManualClock
from tests.support.runtime import a_runtime

CALLER = Caller("acme", "shop", frozenset())


class Gateway:
    """Takes reports; remembers them."""

    def __init__(self) -> None:
        self.taken: list[dict[str, Any]] = []
        self.status = 200
        self.refused = ""

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        assert request.url.path == "/internal/v1/audit"
        reports = json.loads(request.content)["reports"]
        if any(report["object"] == self.refused for report in reports):
            return httpx2.Response(400, json={})
        if self.status == 200:
            self.taken += reports
        return httpx2.Response(self.status, json={})


@pytest.fixture
def gateway() -> Gateway:
    return Gateway()


@pytest.fixture
async def reports(gateway: Gateway) -> AsyncIterator[ChangeReports]:
    transport = httpx2.MockTransport(gateway)
    client = ServiceClient("http://gateway", service_token="t", name="gateway", transport=transport)
    clock = ManualClock()
    yield ChangeReports(client, a_runtime(clock=clock))
    await client.close()


@pytest.fixture
async def client(reports: ChangeReports) -> AsyncIterator[httpx2.AsyncClient]:
    """A service that does whatever it is asked; `?status=` says how that ends."""

    async def service(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        if "x-stranger" not in request.headers:
            scope[CALLER_KEY] = CALLER
        status = int(request.query_params.get("status", "200"))
        await JSONResponse({"data": {"user_id": "7f9c"}}, status_code=status)(scope, receive, send)

    transport = httpx2.ASGITransport(ReportingMiddleware(service, reports=reports), client=("192.0.2.7", 1))
    async with httpx2.AsyncClient(transport=transport, base_url="http://users") as client:
        yield client


async def test_a_change_is_reported_once(client: httpx2.AsyncClient, reports: ChangeReports, gateway: Gateway) -> None:
    await client.post("/users?status=201", json={})
    assert await reports.backlog.flush()
    assert await reports.backlog.flush()
    [report] = gateway.taken
    told = {name: report[name] for name in ("tenant", "actor", "action", "object", "address")}
    assert told == {
        "tenant": "acme",
        "actor": "shop",
        "action": "user.created",
        "object": "7f9c",
        "address": "192.0.2.7",
    }


async def test_nothing_else_is_reported(client: httpx2.AsyncClient, reports: ChangeReports, gateway: Gateway) -> None:
    await client.get("/users/7f9c")
    await client.patch("/users/7f9c?status=409")
    await client.patch("/users/7f9c", headers={"x-service-token": "t"})
    await client.patch("/users/7f9c", headers={"x-stranger": "yes"})
    await client.post("/templates/welcome/preview")
    assert await reports.backlog.flush()
    assert gateway.taken == []


async def test_reports_wait_while_the_gateway_is_away(
    client: httpx2.AsyncClient, reports: ChangeReports, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway.status = 503
    for number in range(3):
        await client.delete(f"/users/{number}")
    assert not await reports.backlog.flush()
    gateway.status = 200
    monkeypatch.setattr(reporting, "REPORT_LIMIT", 2)
    assert await reports.backlog.flush()
    assert [report["object"] for report in gateway.taken] == ["0", "1", "2"]
    assert len({report["id"] for report in gateway.taken}) == 3


async def test_a_report_that_is_refused_takes_no_other_along(
    client: httpx2.AsyncClient, reports: ChangeReports, gateway: Gateway
) -> None:
    gateway.refused = "bad"
    for user in ("1", "bad", "2"):
        await client.patch(f"/users/{user}", json={})
    assert await reports.backlog.flush()
    assert [report["object"] for report in gateway.taken] == ["1", "2"]
