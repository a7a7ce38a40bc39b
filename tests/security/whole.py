"""The whole system in one process with two tenants, and every operation that its OpenAPI documents name."""

import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import httpx2

from angarium.contracts.statuses import Channel
from angarium.embedded.composition import Embedded
from angarium.notifications.model import NewDeadLetter, Reason
from tests.security.openapi_bodies import least
from tests.support.wait import until

OPERATOR = {"x-api-key": "ang_live_of_the_operator"}
SERVICE_TOKEN = "service-token-of-the-tests"
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
NO_SECRET_OF_A_TENANT = frozenset({"version", "channel", "position", "from", "to", "index"})
"""Parameters that mean the same for every tenant."""
OPEN_BY_TOKEN = ("/preferences/{token}", "/unsubscribe/{token}")
"""Anyone with the signed link may use it, whatever the tenant."""


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
    log: io.StringIO
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
            operation.method, path, params=query, json=body_of(operation, ids), headers=self.mine
        )

    def names_any(self, operation: Operation) -> bool:
        """Whether a client can name a thing in its path, query or body."""
        named = {parameter["name"] for parameter in operation.parameters}
        in_body = body_of(operation, self.theirs) != body_of(operation, self.absent)
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
            "/api/v1/operators",
            "/api/v1/suppressions",
            "/api/v1/mailbox/messages",
        )
        answers = [await self.client.get(path, headers=self.other) for path in paths]
        assert [answer.status_code for answer in answers] == [200] * len(paths)
        data = [answer.json()["data"] for answer in answers]
        assert all(data)
        return [_without(part, "last_used_at") for part in data]


def body_of(operation: Operation, ids: Mapping[str, str]) -> Any:
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


def _without(data: Any, name: str) -> Any:
    if isinstance(data, list):
        return [_without(item, name) for item in data]
    return {key: value for key, value in data.items() if key != name}


async def new_tenant(client: httpx2.AsyncClient, tenant: str) -> dict[str, str]:
    """The header of a new tenant's key, made by the operator, whose own key is seeded in the background."""

    async def made() -> httpx2.Response | None:
        answer = await client.post("/api/v1/tenants", json={"tenant": tenant}, headers=OPERATOR)
        return answer if answer.status_code != 401 else None

    answer = await until(made, timeout=15)
    assert answer is not None
    assert answer.status_code == 201, answer.text
    return {"x-api-key": answer.json()["data"]["key"]}


async def fill(world: World) -> None:
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
    operator = await make("/api/v1/operators", {"name": "ada", "role": "viewer", "password": "correct horse battery"})
    suppressed = await make("/api/v1/suppressions", {"channel": "email", "address": "no-more@example.com"})
    world.theirs = {
        "user_id": user["user_id"],
        "device_id": device["device_id"],
        "code": code,
        "notification_id": sent["notification_id"],
        "key_id": key["key_id"],
        "suppression_id": suppressed["id"],
        "operator_id": operator["operator_id"],
        "provider_id": str(uuid4()),  # providers belong to no tenant
        "provider": "nothing",
        "token": str(uuid4()),
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
