"""The OpenAPI document and the page that shows it."""

import re
from typing import Any

import httpx2
import pytest


@pytest.fixture
async def document(client: httpx2.AsyncClient) -> dict[str, Any]:
    found: dict[str, Any] = (await client.get("/openapi.json")).json()
    return found


def test_no_operation_answers_422(document: dict[str, Any]) -> None:
    assert "422" not in str(document)
    assert "HTTPValidationError" not in str(document)


def test_every_operation_shows_the_error_envelope(document: dict[str, Any]) -> None:
    for item in document["paths"].values():
        for operation in item.values():
            schema = operation["responses"]["400"]["content"]["application/json"]["schema"]
            assert schema == {"$ref": "#/components/schemas/ErrorEnvelope"}
    assert document["components"]["schemas"]["ErrorEnvelope"]["properties"]["error"]


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    for name in set(re.findall(r"#/components/schemas/([^'\"]+)", str(document))):
        assert name in document["components"]["schemas"]


def test_who_may_call_is_declared(document: dict[str, Any]) -> None:
    paths = document["paths"]
    secured = paths["/api/v1/secret"]["get"]
    assert secured["security"] == [{"ApiKey": []}, {"Bearer": []}]
    assert secured["x-required-scopes"] == ["users:read"]
    assert {"401", "403", "429"} <= set(secured["responses"])
    assert paths["/api/v1/me"]["get"]["security"]
    assert "x-required-scopes" not in paths["/api/v1/me"]["get"]
    assert paths["/api/v1/internal/thing"]["get"]["security"] == [{"Service": []}]
    assert "security" not in paths["/api/v1/context"]["get"]
    assert set(document["components"]["securitySchemes"]) == {"ApiKey", "Bearer", "Service"}


def test_a_body_may_be_too_large_or_of_another_type(document: dict[str, Any]) -> None:
    assert {"413", "415"} <= set(document["paths"]["/api/v1/things"]["post"]["responses"])
    assert "413" not in document["paths"]["/api/v1/things"]["get"]["responses"]


def test_probes_are_no_part_of_it(document: dict[str, Any]) -> None:
    assert not {"/health", "/ready", "/metrics", "/docs"} & set(document["paths"])


@pytest.mark.parametrize(
    ("path", "kind"), [("/docs", "text/html"), ("/docs/docs.js", "text/javascript"), ("/docs/docs.css", "text/css")]
)
async def test_the_page_needs_nothing_from_elsewhere(client: httpx2.AsyncClient, path: str, kind: str) -> None:
    answer = await client.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith(kind)
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert not re.search(r"(https?:)?//[a-z0-9.-]+\.[a-z]{2,}", answer.text)


async def test_the_pages_title_is_escaped(client: httpx2.AsyncClient) -> None:
    text = (await client.get("/docs")).text
    assert "Things &lt;b&gt;" in text
    assert "<b>" not in text


async def test_the_page_has_no_inline_script_or_style(client: httpx2.AsyncClient) -> None:
    text = (await client.get("/docs")).text
    assert not re.search(r"<script(?![^>]*src=)|<style|\son\w+=|style=", text)
