"""A client that speaks as a service, as another tenant or in another path's name gains nothing by it."""

import asyncio
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx2
import msgspec
import pytest
from fastapi.routing import iter_route_contexts

from angarium.contracts.messages import WORK_EXCHANGE, QueueMessage, routing_key
from angarium.contracts.statuses import Channel
from angarium.contracts.users import Contact, Preferences
from angarium.delivery.process import keep_delivering
from angarium.directory import contact_cache
from angarium.directory.contacts import RestContacts
from angarium.directory.port import DirectoryUnavailable
from angarium.platform.broker.port import Outgoing
from angarium.platform.cache.memory import MemoryCache
from angarium.platform.http.client.client import ServiceClient
from tests.security.whole import OPERATOR, SERVICE_TOKEN, World
from tests.support.clock import ManualClock
from tests.support.reached import Reached
from tests.support.wait import until

pytestmark = pytest.mark.asyncio(loop_scope="module")
SPOOFED: tuple[dict[str, str], ...] = (
    {"x-angarium-tenant": "b"},
    {"x-angarium-tenant": "b", "x-angarium-scopes": "admin", "x-angarium-caller": "default"},
    {"x-angarium-user": "0192d6a0-0000-7000-8000-000000000000"},
    {"x-angarium-scopes": "admin notifications:send users:write"},
    {"x-http-method-override": "DELETE", "x-http-method": "DELETE", "x-method-override": "DELETE"},
    {"x-original-url": "/internal/v1/contacts", "x-rewrite-url": "/internal/v1/contacts"},
    {"x-forwarded-for": "127.0.0.1", "x-forwarded-host": "evil.example", "x-forwarded-prefix": "/evil"},
    {"forwarded": "for=127.0.0.1;host=evil.example;proto=https", "x-real-ip": "127.0.0.1"},
    {"host": "evil.example"},
    {"x-tenant-id": "b", "x-user-id": "b", "x-scopes": "admin", "x-role": "admin"},
)
WRONG_TOKENS = ("", " ", "null", "undefined", SERVICE_TOKEN[:-1], f"{SERVICE_TOKEN} ", SERVICE_TOKEN.upper(), "é", "*")
READS = ("/api/v1/notifications", "/api/v1/users", "/users", "/templates", "/api/v1/templates", "/api/v1/keys")


def hidden_paths(world: World) -> Iterator[tuple[str, str]]:
    """The methods and paths of `/internal`, of every service."""
    gateway: Any = world.system.app
    for app in (gateway._gateway, *gateway._beside.values()):
        for route in iter_route_contexts(app.routes):
            path = route.path_format or ""
            if path.startswith("/internal"):
                for method in route.methods or ():
                    yield method, path.replace("{code}", "only-of-b").replace("{version}", "1")


async def narrow_key(world: World) -> Mapping[str, str]:
    """A key of tenant a that may read notifications."""
    body = {"name": f"narrow {uuid4()}", "scopes": ["notifications:read"]}
    answer = await world.client.post("/api/v1/keys", json=body, headers=world.mine)
    return {"x-api-key": answer.json()["data"]["key"]}


@pytest.mark.parametrize("spoofed", SPOOFED, ids=lambda spoofed: next(iter(spoofed)))
async def test_headers_of_services_and_proxies_mean_nothing_from_a_client(
    world: World, spoofed: dict[str, str]
) -> None:
    key = await narrow_key(world)
    for path in READS:
        plain = await world.client.get(path, headers=key)
        trick = await world.client.get(path, headers={**key, **spoofed})
        assert (trick.status_code, trick.json()["data"]) == (plain.status_code, plain.json()["data"]), path
        assert "evil" not in trick.text + str(trick.headers)
    theirs = f"/api/v1/notifications/{world.theirs['notification_id']}"
    assert (await world.client.get(theirs, headers={**key, **spoofed})).status_code == 404
    created = await world.client.post(
        "/api/v1/keys", json={"name": "k", "scopes": ["admin"]}, headers={**key, **spoofed}
    )
    assert created.status_code == 403


async def test_no_header_or_parameter_replaces_the_method(world: World) -> None:
    path = f"/api/v1/users/{world.theirs['user_id']}"
    override = {"x-http-method-override": "DELETE", "x-http-method": "DELETE", "x-method-override": "DELETE"}
    await world.client.get(path, headers={**world.other, **override}, params={"_method": "DELETE"})
    await world.client.post(path, headers={**world.other, **override}, params={"_method": "DELETE"})
    assert (await world.client.get(path, headers=world.other)).status_code == 200


@pytest.mark.parametrize("token", WRONG_TOKENS)
async def test_a_wrong_service_token_is_refused_even_beside_a_good_key(world: World, token: str) -> None:
    headers = [(b"x-service-token", token.encode("latin-1")), (b"x-api-key", OPERATOR["x-api-key"].encode())]
    for path in (*READS, "/internal/v1/contacts"):
        assert (await world.client.get(path, headers=headers)).status_code in {401, 404, 405}, path


async def test_what_is_internal_is_closed_to_every_key(world: World) -> None:
    paths = list(hidden_paths(world))
    assert len(paths) >= 6
    for method, path in paths:
        for headers in (world.mine, OPERATOR, {}):
            answer = await world.client.request(method, path, json={}, headers=headers)
            # the port of all services shows the gateway's; the others' have no public path
            assert answer.status_code in {401, 403, 404}, f"{method} {path}"
            assert answer.status_code != 404 or not path.startswith(("/internal/v1/verify", "/internal/v1/audit"))


async def test_what_is_internal_is_closed_at_each_service_itself(world: World) -> None:
    gateway: Any = world.system.app
    for app in (gateway._gateway, *gateway._beside.values()):
        for route in iter_route_contexts(app.routes):
            if (route.path_format or "").startswith("/internal"):
                for method in route.methods or ():
                    status = await asked(app, method, str(route.path_format), OPERATOR)
                    assert status in {401, 403}, f"{method} {route.path_format}"


async def asked(app: Any, method: str, path: str, headers: Mapping[str, str]) -> int:
    """The status of an app's answer, asked as a server asks it."""
    statuses: list[int] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"{}", "more_body": False}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
    path = path.replace("{code}", "x").replace("{version}", "1")
    scope = {"type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": b""}
    await app({**scope, "headers": encoded, "http_version": "1.1", "scheme": "http", "state": {}}, receive, send)
    return statuses[0]


async def test_a_copy_under_another_tenants_user_is_not_taken() -> None:
    """Also while the users service is down, when the shared cache speaks for it."""
    clock, user_id = ManualClock(), UUID(int=7)
    cache = MemoryCache(clock)
    evil = Contact(
        user_id=user_id,
        name="Eve",
        email="evil@example.com",
        phone=None,
        devices=[],
        locale="en",
        timezone=None,
        preferences=Preferences(),
    )

    def down(_: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("down")

    client = ServiceClient("http://users", service_token="t", name="users", transport=httpx2.MockTransport(down))
    contacts = RestContacts(client, cache, clock, versions=Reached())
    await cache.set_many({contact_cache.key(user_id): contact_cache.encode("a", evil, 10_000)}, timedelta(hours=1))
    assert (await contacts.current("a", [user_id]))[user_id] == evil
    assert await contacts.current("b", [user_id]) == {}
    with pytest.raises(DirectoryUnavailable):
        await contacts.known("b", user_id)
    await client.close()


async def test_a_forged_message_does_no_harm(world: World) -> None:
    """It names another tenant's notification, with variables, a template and an address of its own."""
    system, stop = world.system, asyncio.Event()
    notification_id = world.theirs["notification_id"]
    tasks = [asyncio.create_task(keep_delivering(engine, system.parts, stop)) for engine in system.engines]
    try:
        for tenant in ("a", "b", "default", ""):
            await publish(world, tenant, notification_id)
        path = f"/api/v1/notifications/{notification_id}"

        async def sent() -> Any:
            found = (await world.client.get(path, headers=world.other)).json()["data"]
            return found if found["status"] == "sent" else None

        found = await until(sent, 15)
        for tenant in ("a", "b", "default", ""):
            await publish(world, tenant, notification_id)
        await until(lambda: taken(world), 15)
    finally:
        stop.set()
        async with asyncio.timeout(10):
            await asyncio.gather(*tasks)
    mails = await caught(world, world.other)
    assert [(mail["to"], mail["subject"]) for mail in mails] == [("bea@example.com", "Hi")]
    assert await caught(world, world.mine) == []
    again = (await world.client.get(path, headers=world.other)).json()["data"]
    assert again == found
    assert (found["attempts"], found["template_code"], found["variables"]) == (1, "only-of-b", {})


async def taken(world: World) -> bool:
    """Whether every message was received."""
    (queue,) = await world.system.parts.broker.stats(["email.queue"])
    return queue.messages == 0


async def caught(world: World, headers: Mapping[str, str]) -> list[dict[str, Any]]:
    """The mails that a tenant sees of those that were really sent."""
    answer = await world.client.get("/api/v1/mailbox/messages", headers=headers)
    return [mail for mail in answer.json()["data"] if mail["notification_id"]]


async def publish(world: World, tenant: str, notification_id: str) -> None:
    forged = QueueMessage(
        request_id="of-b",
        notification_id=notification_id,
        tenant=tenant,
        user_id="evil",
        template_code="evil",
        variables={"to": "evil@example.com"},
        notification_type="sms",
    )
    body = msgspec.json.encode(forged)
    key = routing_key(Channel.EMAIL, 5)
    message = Outgoing(exchange=WORK_EXCHANGE, routing_key=key, body=body, message_id=str(uuid4()))
    assert await world.system.parts.broker.publish([message]) == [True]
