"""One tenant asks for another's things, on every route and method that a service documents: they are not there.

The requests are made from the OpenAPI documents. A new route is covered by itself; one with a new kind of id in its
path fails until `World` makes such a thing for the other tenant.
"""

import io
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest
import pytest_asyncio

from angarium.contracts.statuses import Channel
from angarium.embedded import Embedded, EmbeddedSettings, compose_embedded
from angarium.notifications.model import NewDeadLetter, Reason
from angarium.platform.telemetry.logging import make_logger
from tests.security.openapi_bodies import least
from tests.support.wait import until

OPERATOR = {"x-api-key": "ang_live_of_the_operator"}
SERVICE_TOKEN = "service-token-of-the-tests"
pytestmark = pytest.mark.asyncio(loop_scope="module")
METHODS = ("get", "post", "put", "patch", "delete")
BODIES: Mapping[str, dict[str, Any]] = {
    "NotificationRequest": {"notification_type": "email", "template_code": "", "user_id": "", "request_id": "r"},
    "BulkRequest": {"notifications": [{"notification_type": "email", "template_code": "", "user_id": ""}]},
    "UserCreate": {"name": "Eve", "email": "eve@example.com"},
    "TemplateCreate": {"code": "made-by-a", "content": "Hello"},
    "TemplateVersionCreate": {"content": "Taken over"},
    "KeyCreate": {"name": "made by a", "scopes": ["notifications:read"]},
    "TenantCreate": {"tenant": "made-by-a"},
    "DeviceCreate": {"platform": "fcm", "token": "a-token-of-a"},
    "PreviewRequest": {"variables": {}},
}
"""Bodies that a schema cannot tell in full."""
NAMED_IN_BODIES = ("user_id", "notification_id", "template_code")
NO_SECRET_OF_A_TENANT = frozenset({"version", "channel", "position", "from", "to"})
"""Parameters that mean the same to everybody."""
OPEN_BY_TOKEN = ("/preferences/{token}", "/unsubscribe/{token}")
"""Whoever holds the signed link may use it, whatever the tenant."""
ANSWERED_WITHOUT_ANY = frozenset({"/api/notifications/user/{user_id}/stats"})
"""Counts, which are zero for anyone of whom nothing is known."""


@dataclass(frozen=True)
class Operation:
    """One method of one path of one document, `prefix` put before the path."""

    method: str
    path: str
    spec: Mapping[str, Any]
    document: Mapping[str, Any]
    prefix: str = ""

    @property
    def parameters(self) -> list[dict[str, Any]]:
        return list(self.spec.get("parameters", ()))

    @property
    def names(self) -> set[str]:
        """The ids in its path."""
        return {p["name"] for p in self.parameters if p["in"] == "path"} - NO_SECRET_OF_A_TENANT

    def __str__(self) -> str:
        return f"{self.method.upper()} {self.prefix}{self.path}"


@dataclass
class World:
    """The whole system in one process, with two tenants; `theirs` are ids of things of the other one."""

    system: Embedded
    client: httpx2.AsyncClient
    mine: dict[str, str]
    other: dict[str, str]
    theirs: dict[str, str] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)

    def operations(self) -> Iterator[Operation]:
        """All that the three REST services document; users and templates directly, and through the gateway."""
        gateway: Any = self.system.app
        documents = [(gateway._gateway.openapi(), "")]
        documents += [(app.openapi(), prefix) for app in gateway._beside.values() for prefix in ("", "/api/v1")]
        for document, prefix in documents:
            for path, item in document["paths"].items():
                if not path.endswith(OPEN_BY_TOKEN):
                    for method in METHODS:
                        if method in item:
                            yield Operation(method, path, item[method], document, prefix)

    async def ask(self, operation: Operation, ids: Mapping[str, str]) -> httpx2.Response:
        """The operation with these ids wherever one is named: in the path, the query, the body."""
        path = operation.prefix + operation.path
        query: dict[str, str] = {}
        for parameter in operation.parameters:
            name = parameter["name"]
            value = ids.get(name, str(least(parameter["schema"], operation.document)))
            if parameter["in"] == "path":
                path = path.replace(f"{{{name}}}", "1" if name == "version" else value)
            elif parameter["in"] == "query" and (parameter.get("required") or name in NAMED_IN_BODIES):
                query[name] = value
        return await self.client.request(
            operation.method, path, params=query, json=_body(operation, ids), headers=self.mine
        )

    def names_any(self, operation: Operation) -> bool:
        """Whether a client can name a thing in its path, query or body."""
        named = {parameter["name"] for parameter in operation.parameters}
        in_body = _body(operation, self.theirs) != _body(operation, self.absent)
        return bool(operation.names) or in_body or not named.isdisjoint(NAMED_IN_BODIES)

    async def everything_of_the_other(self) -> list[Any]:
        """What the other tenant sees of its own."""
        ids = self.theirs
        paths = (
            f"/api/v1/users/{ids['user_id']}",
            f"/api/v1/users/{ids['user_id']}/preferences",
            f"/api/v1/users/{ids['user_id']}/devices",
            f"/api/v1/templates/{ids['code']}",
            f"/api/v1/templates/{ids['code']}/versions",
            f"/api/v1/notifications/{ids['notification_id']}",
            "/api/v1/dead-letters",
            "/api/v1/keys",
            "/api/v1/mailbox/messages",
        )
        answers = [await self.client.get(path, headers=self.other) for path in paths]
        assert [answer.status_code for answer in answers] == [200] * len(paths)
        data = [answer.json()["data"] for answer in answers]
        assert all(data)
        return [_without(part, "last_used_at") for part in data]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    logger = make_logger("test", level="error", stream=io.StringIO())
    settings = EmbeddedSettings.load(
        data_dir=tmp_path_factory.mktemp("isolation"),
        mailbox_smtp_port=0,
        api_key=OPERATOR["x-api-key"],
        service_token=SERVICE_TOKEN,
    )
    async with AsyncExitStack() as stack:
        system = await stack.enter_async_context(compose_embedded(settings, logger=logger))
        transport = httpx2.ASGITransport(app=system.app, raise_app_exceptions=False)
        client = await stack.enter_async_context(httpx2.AsyncClient(transport=transport, base_url="http://angarium"))
        world = World(system, client, await _tenant(client, "a"), await _tenant(client, "b"))
        await _fill(world)
        yield world


async def test_what_another_tenant_has_is_as_if_it_were_not_there(world: World) -> None:
    before = await world.everything_of_the_other()
    asked, wrong = 0, []
    for operation in world.operations():
        unknown = operation.names - world.theirs.keys()
        assert not unknown, f"{operation}: make a {unknown} for the other tenant in _fill"
        if not world.names_any(operation):
            continue
        theirs = await world.ask(operation, world.theirs)
        absent = await world.ask(operation, world.absent)
        asked += 1
        if theirs.status_code == 400 or theirs.status_code >= 500:
            wrong.append(f"{operation} was not really asked: {theirs.text}")
        if (theirs.status_code, _told(world, theirs)) != (absent.status_code, _told(world, absent)):
            wrong.append(f"{operation}: {theirs.status_code} {theirs.text}, of what is absent {absent.text}")
        if operation.names and theirs.status_code != 404 and operation.path not in ANSWERED_WITHOUT_ANY:
            wrong.append(f"{operation}: {theirs.status_code} {theirs.text}")
    assert wrong == []
    assert asked > 40
    assert await world.everything_of_the_other() == before


async def test_no_list_shows_what_another_tenant_has(world: World) -> None:
    hidden = [value for name, value in world.theirs.items() if name not in NO_SECRET_OF_A_TENANT]
    lists = [operation for operation in world.operations() if operation.method == "get" and not operation.names]
    for operation in lists:
        answer = await world.ask(operation, {})
        assert not [value for value in hidden if value in answer.text], operation
    assert len(lists) >= 8


async def test_a_key_of_another_tenant_is_no_operator(world: World) -> None:
    for method, path, body in (("GET", "", None), ("POST", "", {"tenant": "c"})):
        answer = await world.client.request(method, f"/api/v1/tenants{path}", json=body, headers=world.mine)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "forbidden")


def _body(operation: Operation, ids: Mapping[str, str]) -> Any:
    """The least body, with `ids` wherever one of them is named."""
    if "requestBody" not in operation.spec:
        return None
    schema = operation.spec["requestBody"]["content"].get("application/json", {}).get("schema", {})
    name = next((one["$ref"] for one in (schema, *schema.get("anyOf", ())) if "$ref" in one), "").rsplit("/", 1)[-1]
    body = BODIES.get(name) or least(schema, operation.document)
    return _with_ids(json.loads(json.dumps(body)), {**ids, "template_code": ids.get("code", "absent")})


def _with_ids(body: Any, ids: Mapping[str, str]) -> Any:
    if isinstance(body, list):
        return [_with_ids(item, ids) for item in body]
    if isinstance(body, dict):
        whole = {name: _with_ids(value, ids) for name, value in body.items()}
        return whole | {name: ids.get(name, str(uuid4())) for name in NAMED_IN_BODIES if name in whole}
    return body


def _told(world: World, answer: httpx2.Response) -> Any:
    """What an answer says, but for the ids that were asked for and the correlation."""
    text = answer.text
    for ids in (world.theirs, world.absent):
        for value in ids.values():
            text = text.replace(value, "ID")
    body = json.loads(text)
    if body.get("error"):
        body["error"].pop("correlation_id")
    return body


def _without(data: Any, name: str) -> Any:
    if isinstance(data, list):
        return [_without(item, name) for item in data]
    return {key: value for key, value in data.items() if key != name}


async def _tenant(client: httpx2.AsyncClient, tenant: str) -> dict[str, str]:
    """The header of a new tenant's key, made by the operator, whose own key is seeded in the background."""

    async def made() -> httpx2.Response | None:
        answer = await client.post("/api/v1/tenants", json={"tenant": tenant}, headers=OPERATOR)
        return answer if answer.status_code != 401 else None

    answer = await until(made, timeout=15)
    assert answer is not None
    assert answer.status_code == 201, answer.text
    return {"x-api-key": answer.json()["data"]["key"]}


async def _fill(world: World) -> None:
    """Make one of everything for the other tenant."""

    async def make(path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = await world.client.post(path, json=body, headers=world.other)
        assert answer.is_success, answer.text
        data: dict[str, Any] = answer.json()["data"]
        return data

    user = await make("/api/v1/users", {"name": "Bea", "email": "bea@example.com"})
    device = await make(f"/api/v1/users/{user['user_id']}/devices", {"platform": "fcm", "token": "a-token-of-b"})
    code = (await make("/api/v1/templates", {"code": "only-of-b", "subject": "Hi", "content": "Hello"}))["code"]
    sent = await make(
        "/api/v1/notifications",
        {
            "notification_type": "email",
            "user_id": user["user_id"],
            "template_code": code,
            "request_id": "of-b",
        },
    )
    key = await make("/api/v1/keys", {"name": "of b", "scopes": ["notifications:read"]})
    world.theirs = {
        "user_id": user["user_id"],
        "device_id": device["device_id"],
        "code": code,
        "notification_id": sent["notification_id"],
        "key_id": key["key_id"],
        "letter_id": str(await _bury(world)),
        "message_id": await _catch(world),
        "import_id": await _import(world),
    }
    world.absent = {name: str(uuid4()) for name in world.theirs} | {"code": "of-nobody"}


async def _import(world: World) -> str:
    rows = b"name,email\nCy,cy@example.com\n"
    headers = {**world.other, "content-type": "text/csv"}
    answer = await world.client.post("/users/import", content=rows, headers=headers)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["data"]["import_id"])


async def _bury(world: World) -> UUID:
    letter = NewDeadLetter(
        id=uuid4(), tenant="b", channel=Channel.EMAIL, reason=Reason("malformed", "no JSON"), attempts=0, payload="{"
    )
    await world.system.parts.store.bury([letter], [])
    return letter.id


async def _catch(world: World) -> str:
    body = {"channel": "email", "to": "bea@example.com", "text": "Hello"}
    headers = {"x-service-token": SERVICE_TOKEN, "x-angarium-tenant": "b"}
    caught = await world.client.post("/internal/v1/mailbox/messages", json=body, headers=headers)
    assert caught.status_code == 201, caught.text
    listed = await world.client.get("/api/v1/mailbox/messages", headers=world.other)
    return str(listed.json()["data"][0]["id"])
