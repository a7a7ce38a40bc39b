"""Read-only fields and SQL injection, tried on every documented body, filter, cursor and path."""

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any
from urllib.parse import quote

import httpx2
import pytest
import pytest_asyncio

from angarium.contracts.preferences import READ_ONLY
from tests.security.conftest import composed
from tests.security.whole import OPERATOR, Operation, World, body_of

pytestmark = pytest.mark.asyncio(loop_scope="module")
NOBODYS = ("tenant_id", "tenant", "status", "role", "scopes", "user_id", "created_at", "is_admin", "__class__")
STATEMENTS = (
    "';--",
    "' OR '1'='1",
    '" OR ""="',
    "1); DROP TABLE notifications;--",
    "%",
    "_",
    "\\",
    "a\x00b",
    "\x1b[2J",
    "\u202e",
    "\uffff",
    "x" * 3000,
    ":tenant",
    "9" * 40,
)
FREE_TEXT = frozenset({"email", "search", "template_code", "request_id", "actor", "object", "to", "reason"})
IN_BODIES = ("';--", "a\x00b", "\uffff", "x" * 3000, "9" * 40)
SENT_BACK = (
    "PUT /users/{user_id}",
    "PATCH /users/{user_id}",
    "PUT /users/{user_id}/preferences",
    "PATCH /users/{user_id}/preferences",
)
"""A body returned by GET can be sent back: its read-only fields are ignored."""
HASHED = "password"
"""Hashing a password is slow on purpose."""


@pytest_asyncio.fixture(
    loop_scope="module", scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.distributed)]
)
async def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    urls: dict[str, str] = {}
    if request.param == "postgresql":
        server = request.getfixturevalue("postgresql")
        await server.start()
        for name in ("notifications", "users", "templates"):
            urls[f"{name}_database_url"] = await server.create_database()
    async with composed(tmp_path_factory.mktemp("input"), **urls) as world:
        yield world


def with_bodies(world: World) -> Iterator[tuple[Operation, dict[str, Any], Mapping[str, Any]]]:
    """Each operation that takes JSON, with a body and the schema of it."""
    for operation in world.operations():
        body = body_of(operation, world.theirs)
        if isinstance(body, dict) and not operation.prefix:
            content = operation.spec["requestBody"]["content"]["application/json"]["schema"]
            yield operation, body, resolved(content, operation.document)


def resolved(schema: Mapping[str, Any], document: Mapping[str, Any]) -> Mapping[str, Any]:
    found = next((one for one in (schema, *schema.get("anyOf", ())) if "$ref" in one), schema)
    if "$ref" not in found:
        return found
    named: Mapping[str, Any] = document["components"]["schemas"][found["$ref"].rsplit("/", 1)[1]]
    return named


async def ask(world: World, operation: Operation, body: Any = None, **query: str) -> httpx2.Response:
    path = operation.prefix + operation.path
    for name in [parameter["name"] for parameter in operation.parameters if parameter["in"] == "path"]:
        path = path.replace(f"{{{name}}}", world.theirs.get(name, "email" if name == "channel" else "1"))
    return await world.client.request(
        operation.method, path, params=query, json=body, headers=headers_for(world, operation)
    )


def headers_for(world: World, operation: Operation) -> dict[str, str]:
    """Tenants and providers are the operator's."""
    of_the_system = operation.path.endswith("/tenants") or "/providers" in operation.path
    return OPERATOR if of_the_system else world.other


async def test_read_only_fields_are_a_400_that_names_them(world: World) -> None:
    asked, wrong = 0, []
    for operation, body, schema in with_bodies(world):
        taken = {*schema["properties"], *(READ_ONLY if str(operation) in SENT_BACK else ())}
        for name in (name for name in NOBODYS if name not in taken):
            answer = await ask(world, operation, {**body, name: "x"})
            asked += 1
            error = answer.json()["error"] or {}
            named = [detail["field"] for detail in error.get("details", [])]
            if answer.status_code != 400 or not any(field.split(".")[-1] == name for field in named):
                wrong.append(f"{operation} {name}: {answer.status_code} {answer.text}")
    assert wrong == []
    assert asked > 150


async def test_no_object_of_a_request_is_open(world: World) -> None:
    """However deep: a schema with properties takes no others."""
    for operation, _, schema in with_bodies(world):
        for name, inner in nested(schema, operation.document, {}).items():
            assert inner.get("additionalProperties") is False, f"{operation} {name}"


def nested(schema: Mapping[str, Any], document: Mapping[str, Any], found: dict[str, Any]) -> dict[str, Any]:
    """The schemas with properties of a schema, and of what it refers to."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        return found if name in found else nested({**document["components"]["schemas"][name]}, document, found)
    if "properties" in schema:
        found[schema["title"]] = schema
    inner = [*schema.get("properties", {}).values(), *schema.get("anyOf", ()), *schema.get("oneOf", ())]
    inner += [schema[name] for name in ("items", "additionalProperties") if isinstance(schema.get(name), dict)]
    for one in inner:
        nested(one, document, found)
    return found


async def test_statements_in_filters_and_cursors_are_text(world: World) -> None:
    before = await world.everything_of_the_other()
    asked, wrong = 0, []
    for operation in (one for one in world.operations() if not one.prefix):
        for parameter in (one for one in operation.parameters if one["in"] == "query"):
            for text in STATEMENTS:
                needed = {
                    one["name"]: "1" for one in operation.parameters if one.get("required") and one["in"] == "query"
                }
                answer = await ask(world, operation, None, **{**needed, parameter["name"]: text})
                asked += 1
                if answer.status_code not in {200, 400, 404, 415} or "SELECT" in answer.text.upper():
                    wrong.append(f"{operation} {parameter['name']}={text[:40]!r}: {answer.status_code} {answer.text}")
                if answer.status_code == 200 and parameter["name"] in FREE_TEXT and answer.json()["data"]:
                    wrong.append(f"{operation} {parameter['name']}={text[:40]!r} finds {answer.text[:200]}")
    assert wrong == []
    assert asked > 400
    assert await world.everything_of_the_other() == before


def _naming_nothing(path: str) -> set[int]:
    """What may answer a path that names nothing."""
    if path.endswith("/stats"):
        return {200, 400, 404}
    return {401, 404} if path.startswith("/webhooks/") else {400, 404, 405}


async def test_statements_in_paths_name_nothing(world: World) -> None:
    wrong = []
    for operation in world.operations():
        for name in sorted(operation.names):
            for text in STATEMENTS[:12]:
                theirs = {**world.theirs, name: quote(text, safe="")}
                path = operation.prefix + operation.path
                for one in operation.parameters:
                    path = path.replace(f"{{{one['name']}}}", theirs.get(one["name"], "1"))
                body = body_of(operation, world.theirs)
                answer = await world.client.request(
                    operation.method, path, json=body, headers=headers_for(world, operation)
                )
                if answer.status_code not in _naming_nothing(operation.path):
                    wrong.append(f"{operation} {text[:40]!r}: {answer.status_code} {answer.text[:300]}")
    assert wrong == []


async def test_hostile_text_in_bodies_is_kept_or_refused_but_breaks_nothing(world: World) -> None:
    wrong = []
    for operation, body, schema in with_bodies(world):
        for name, field in schema["properties"].items():
            kinds = {one.get("type") for one in (field, *field.get("anyOf", ()))}
            values: list[Any] = [text for text in IN_BODIES if "string" in kinds and name != HASHED]
            if "object" in kinds:
                values += [{text: text} for text in IN_BODIES] + [{"a": {"b": [text]}} for text in IN_BODIES]
            for value in values:
                answer = await ask(world, operation, {**body, name: value})
                if answer.status_code >= 500:
                    wrong.append(f"{operation} {name}={value!r:.60}: {answer.status_code} {answer.text[:200]}")
    assert wrong == []
