"""What the frame answers, whatever a route does."""

import io
import json
import re
from typing import Any
from uuid import UUID

import httpx2
import pytest
from fastapi import FastAPI

from angarium.platform.telemetry.metrics import Metrics

ID = "019a9f00-0000-7000-8000-000000000001"


def details(answer: httpx2.Response) -> dict[str, str]:
    error = answer.json()["error"]
    assert error["code"] == "validation_error"
    assert answer.status_code == 400
    return {detail["field"]: detail["message"] for detail in error["details"]}


async def test_a_good_answer_passes(client: httpx2.AsyncClient) -> None:
    answer = await client.post("/api/v1/things", json={"name": "a"})
    assert answer.status_code == 201
    assert answer.json()["data"]["name"] == "a"
    assert answer.json()["meta"]["total_pages"] == 1


async def test_every_wrong_field_is_named_by_its_path(client: httpx2.AsyncClient) -> None:
    body = {"count": "x", "parts": [{"name": "a"}, {}], "tenant_id": "other", "token": 5}
    found = details(await client.post("/api/v1/things", json=body))
    assert found["name"] == "required"
    assert found["parts.1.name"] == "required"
    assert found["tenant_id"] == "unknown field"
    assert set(found) == {"name", "count", "parts.1.name", "tenant_id", "token"}
    assert "pydantic" not in json.dumps(found)


async def test_a_rule_of_the_whole_body_names_its_field(client: httpx2.AsyncClient) -> None:
    assert details(await client.post("/api/v1/things", json={"name": "a", "count": 0})) == {"count": "must not be zero"}


async def test_path_and_query_are_named_alike(client: httpx2.AsyncClient) -> None:
    assert set(details(await client.get("/api/v1/things/none?deep=perhaps"))) == {"thing_id", "deep"}


@pytest.mark.parametrize("body", [b"", b"[]", b"1", b'"x"', b"null"])
async def test_a_body_that_is_no_object_is_named_body(client: httpx2.AsyncClient, body: bytes) -> None:
    assert set(details(await client.post("/api/v1/things", content=body))) == {"body"}


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b'{"name": "a",}',
        b'{"name": NaN}',
        b'{"free": {"a": Infinity}}',
        b'{"free": {"a": 1e999}}',
        b'{"name": "\xff"}',
        b'{"name": "\\ud800"}',
        b"\xef\xbb\xbf{}",
        b'{"name": "a"} x',
        b"\x1f\x8b\x08",
        b'{"free": ' + b'{"a":' * 64 + b"1" + b"}" * 64 + b"}",
        b"[" * 100_000,
        b'{"free": ' + b"9" * 5000 + b"}",
    ],
)
async def test_what_is_no_strict_json_is_refused_as_body(client: httpx2.AsyncClient, body: bytes) -> None:
    assert set(details(await client.post("/api/v1/things", content=body))) == {"body"}


async def test_brackets_in_text_are_no_nesting(client: httpx2.AsyncClient) -> None:
    answer = await client.post("/api/v1/things", json={"name": "[{" * 1000, "free": {"a": [{}] * 100}})
    assert answer.status_code == 201


async def test_nesting_of_64_is_taken(client: httpx2.AsyncClient) -> None:
    body = b'{"name": "a", "free": ' + b'{"a":' * 62 + b"{}" + b"}" * 62 + b"}"
    assert (await client.post("/api/v1/things", content=body)).status_code == 201


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 201),
        ({"content-type": "application/json"}, 201),
        ({"content-type": "Application/JSON; charset=utf-8"}, 201),
        ({"content-type": "application/merge-patch+json"}, 201),
        ({"content-type": "text/plain"}, 415),
        ({"content-type": "application/x-www-form-urlencoded"}, 415),
        ({"content-encoding": "gzip"}, 415),
        ({"content-encoding": "identity"}, 201),
    ],
)
async def test_only_plain_json_is_taken(client: httpx2.AsyncClient, headers: dict[str, str], status: int) -> None:
    answer = await client.post("/api/v1/things", content=b'{"name": "a"}', headers=headers)
    assert answer.status_code == status
    assert (answer.json()["error"] or {"code": None})["code"] in {None, "unsupported_media_type"}


async def in_chunks(size: int) -> Any:
    for _ in range(size // 1024):
        yield b" " * 1024


@pytest.mark.parametrize("chunked", [True, False])
async def test_a_body_over_the_limit_is_a_413(client: httpx2.AsyncClient, chunked: bool) -> None:
    content = in_chunks(257 * 1024) if chunked else b" " * (257 * 1024)
    answer = await client.post("/api/v1/things", content=content)
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "payload_too_large")


async def test_a_body_at_the_limit_is_read(client: httpx2.AsyncClient) -> None:
    body = b'{"name": "a"}'
    answer = await client.post("/api/v1/things", content=body + b" " * (256 * 1024 - len(body)))
    assert answer.status_code == 201


async def test_a_path_may_have_its_own_limit_and_form(client: httpx2.AsyncClient) -> None:
    size = 1024 * 1024
    assert (await client.post("/api/v1/raw/echo", content=in_chunks(size))).json()["data"] == size
    assert (await client.post("/api/v1/raw/echo", content=in_chunks(size + 1024))).status_code == 413


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("GET", "/api/v1/nowhere/", 404, "not_found"),
        ("PUT", "/api/v1/things", 405, "method_not_allowed"),
        ("POST", "/health", 405, "method_not_allowed"),
        ("POST", "/api/v1/fail/base", 500, "internal_error"),
    ],
)
async def test_refusals_are_envelopes(
    client: httpx2.AsyncClient, method: str, path: str, status: int, code: str
) -> None:
    answer = await client.request(method, path, headers={"X-Correlation-ID": "c-1"})
    assert answer.status_code == status
    assert answer.json()["success"] is False
    assert answer.json()["data"] is None
    assert answer.json()["meta"] is None
    message = answer.json()["message"]
    assert message
    assert answer.json()["error"] == {"code": code, "message": message, "details": [], "correlation_id": "c-1"}


async def test_a_405_names_what_is_allowed(client: httpx2.AsyncClient) -> None:
    assert "GET" in (await client.put("/api/v1/me")).headers["allow"]


async def test_a_rejection_says_when_to_come_again(client: httpx2.AsyncClient) -> None:
    answer = await client.post("/api/v1/fail/rejected")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")


async def test_a_dependency_that_does_not_answer_is_a_503(client: httpx2.AsyncClient, log: io.StringIO) -> None:
    answer = await client.post("/api/v1/fail/transient")
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "service_unavailable")
    assert int(answer.headers["retry-after"]) > 0
    assert "request.unavailable" in log.getvalue()


async def test_a_fault_is_a_500_whose_trace_is_in_the_log_alone(client: httpx2.AsyncClient, log: io.StringIO) -> None:
    answer = await client.post("/api/v1/fail/broken", headers={"X-Correlation-ID": "c-9"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "internal_error")
    assert "canary" not in answer.text
    assert "Traceback" not in answer.text
    (line,) = [json.loads(line) for line in log.getvalue().splitlines()]
    assert (line["event"], line["correlation_id"]) == ("request.failed", "c-9")
    assert line["route"] == "/api/v1/fail/{how}"
    assert "RuntimeError" in line["exception"]


@pytest.mark.parametrize("path", ["/api/v1/things", "/api/v1/me", "/health", "/ready", "/metrics", "/docs"])
async def test_a_last_slash_makes_no_difference(client: httpx2.AsyncClient, path: str) -> None:
    headers = {"X-API-Key": "boss"}
    without = await client.get(path, headers=headers)
    with_slash = await client.get(f"{path}/", headers=headers)
    assert without.status_code == with_slash.status_code == 200


async def test_a_correlation_id_is_taken_and_returned(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/api/v1/context", headers={"X-Correlation-ID": "c-1"})
    assert answer.headers["x-correlation-id"] == "c-1"
    assert answer.json()["data"][0] == "c-1"


async def test_a_correlation_id_is_made_where_none_can_be_taken(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/api/v1/context", headers={"X-Correlation-ID": "a b"})
    assert UUID(answer.headers["x-correlation-id"]).version == 7


async def test_the_trace_goes_on(client: httpx2.AsyncClient) -> None:
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    answer = await client.get("/api/v1/context", headers={"traceparent": parent})
    assert re.fullmatch(r"00-0af7651916cd43dd8448eb211c80319c-(?!b7ad6b)[0-9a-f]{16}-01", answer.json()["data"][1])


PLAIN = ("/health", "/ready", "/metrics", "/api/health", "/api/v1/ready", "/docs", "/docs/docs.js", "/openapi.json")


async def test_requests_are_counted_by_template(client: httpx2.AsyncClient, metrics: Metrics) -> None:
    await client.get(f"/api/v1/things/{ID}")
    await client.get("/api/v1/things/none")
    await client.get("/nowhere")
    await client.request("BREW", "/nowhere")
    for path in PLAIN:
        assert (await client.get(path)).status_code == 200
    text = metrics.render().decode()
    counted = 'angarium_http_requests_total{method="%s",route="%s",service="things",status="%s"} 1.0'
    assert counted % ("GET", "/api/v1/things/{thing_id}", "200") in text
    assert counted % ("GET", "/api/v1/things/{thing_id}", "400") in text
    assert counted % ("GET", "unmatched", "404") in text
    assert all(counted % ("GET", path, "200") in text for path in PLAIN)
    assert "_created" not in text
    assert counted % ("OTHER", "unmatched", "404") in text
    assert 'duration_seconds_count{method="GET",route="/api/v1/things/{thing_id}",service="things"} 2.0' in text


@pytest.mark.parametrize(
    ("query", "expected"), [("", [1, 10, 0]), ("?page=3&limit=7", [3, 7, 14]), ("?limit=100", [1, 100, 0])]
)
async def test_a_page_is_read(client: httpx2.AsyncClient, query: str, expected: list[int]) -> None:
    assert (await client.get(f"/api/v1/things{query}")).json()["data"] == expected


@pytest.mark.parametrize(
    ("query", "field"),
    [("page=0", "page"), ("page=x", "page"), ("limit=0", "limit"), ("limit=101", "limit"), ("page=9999999", "page")],
)
async def test_a_wrong_page_is_refused(client: httpx2.AsyncClient, query: str, field: str) -> None:
    assert set(details(await client.get(f"/api/v1/things?{query}"))) == {field}


async def test_who_calls_is_asked_for(client: httpx2.AsyncClient) -> None:
    nobody = await client.get("/api/v1/secret")
    assert (nobody.status_code, nobody.json()["error"]["code"]) == (401, "unauthorized")
    assert nobody.headers["www-authenticate"] == "Bearer"
    assert (await client.get("/api/v1/secret", headers={"X-API-Key": "reader"})).json()["data"] == "reader"
    assert (await client.get("/api/v1/secret", headers={"X-API-Key": "boss"})).status_code == 200


async def test_the_scope_is_asked_for(client: httpx2.AsyncClient) -> None:
    refused = await client.delete(f"/api/v1/things/{ID}", headers={"X-API-Key": "reader"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "forbidden")
    assert "users:write" in refused.json()["message"]


async def test_internal_paths_open_to_services_alone(client: httpx2.AsyncClient) -> None:
    path = "/api/v1/internal/thing"
    assert (await client.get(path)).status_code == 401
    assert (await client.get(path, headers={"X-API-Key": "boss"})).status_code == 403
    assert (await client.get(path, headers={"X-Service-Token": "wrong", "X-API-Key": "boss"})).status_code == 401
    answer = await client.get(path, headers={"X-Service-Token": "service-token", "X-Angarium-Tenant": "acme"})
    assert answer.json()["data"] == ["acme", "service", "admin"]


def test_the_state_holds_the_parts(build: Any) -> None:
    app: FastAPI = build()
    assert {"authenticator", "clock", "identifiers", "logger", "metrics"} <= set(app.state._state)
