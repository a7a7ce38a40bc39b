"""Calls of the public API for tests. Each checks that the response is the usual one."""

import secrets
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Self

import httpx2
from prometheus_client.parser import text_string_to_metric_families

from tests.support.wait import until

ENDS = frozenset({"sent", "delivered", "failed", "skipped", "cancelled", "expired", "unknown"})
Json = dict[str, Any]


class Verbs:
    """Calls the gateway at `url` with `key`."""

    def __init__(self, url: str, key: str) -> None:
        self.url = url
        self.key = key
        self._client: httpx2.AsyncClient | None = None
        self.trust: ssl.SSLContext | bool = True
        """How the certificates of TLS servers are verified."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers with the first key, which has all scopes."""
        return {"X-API-Key": self.key}

    @property
    def client(self) -> httpx2.AsyncClient:
        """A client with the key. Available only inside `connected`."""
        assert self._client is not None, "use `async with system.connected()`"
        return self._client

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[Self]:
        """Open a client for the running event loop. `client` and all calls can be used within the block."""
        limits = httpx2.Limits(max_connections=100, max_keepalive_connections=100)
        async with httpx2.AsyncClient(
            base_url=self.url, headers=self.headers, timeout=30, limits=limits, trust_env=False, verify=self.trust
        ) as client:
            self._client = client
            try:
                yield self
            finally:
                self._client = None

    async def create_user(self, **fields: Any) -> Json:
        """Create a user, with a new address unless one is given."""
        body = {"name": "Ada Lovelace", **fields}
        if not {"email", "phone", "push_token", "webhook"} & fields.keys():
            body["email"] = new_email()
        return _data(await self.client.post("/api/v1/users", json=body), 201)

    async def create_template(self, **fields: Any) -> Json:
        """Create a published template with a new code. By default it has the variable `name`."""
        body = {"code": new_name("template"), "subject": "Hello {{ name }}", "content": "<p>Hello {{ name }}</p>"}
        return _data(await self.client.post("/api/v1/templates", json={**body, **fields}), 201)

    async def submit(self, *, headers: Mapping[str, str] | None = None, **fields: Any) -> httpx2.Response:
        """`POST /api/v1/notifications`, with any response. By default an email with a new `request_id`."""
        body = {"notification_type": "email", "request_id": new_name("request"), **fields}
        return await self.client.post("/api/v1/notifications", json=body, headers=dict(headers or {}))

    async def send(self, *, headers: Mapping[str, str] | None = None, **fields: Any) -> Json:
        """As `submit`, but it must be accepted. Returns the response's data."""
        return _data(await self.submit(headers=headers, **fields), 202)

    async def send_many(self, notifications: list[Json]) -> list[str]:
        """Send bulk requests; every notification must be accepted. Returns the ids, in order."""
        answer = await self.client.post("/api/v1/notifications/bulk", json={"notifications": notifications})
        data = _data(answer, 202)
        assert data["rejected"] == 0, data
        return [result["notification_id"] for result in data["results"]]

    async def status(self, notification_id: str) -> Json:
        """The notification's current state."""
        return _data(await self.client.get(f"/api/v1/notifications/{notification_id}"), 200)

    async def events(self, notification_id: str) -> list[Json]:
        """The notification's timeline."""
        answer = await self.client.get(f"/api/v1/notifications/{notification_id}/events")
        assert answer.status_code == 200, answer.text
        events: list[Json] = answer.json()["data"]
        return events

    async def wait_for(self, notification_id: str, *statuses: str, within: float = 20.0) -> Json:
        """Wait until a notification has one of `statuses`. AssertionError after another final status or a timeout."""
        wanted = frozenset(statuses)

        async def there() -> Json | None:
            found = await self.status(notification_id)
            if found["status"] in ENDS - wanted:
                raise AssertionError(f"ended otherwise: {found}, {await self.events(notification_id)}")
            return found if found["status"] in wanted else None

        found = await until(there, within, message=f"{notification_id} is {' or '.join(statuses)}")
        assert found is not None
        return found

    async def deliver(self, **fields: Any) -> Json:
        """`send`, then wait until the notification is sent."""
        accepted = await self.send(**fields)
        return await self.wait_for(accepted["notification_id"], "sent")

    async def dead_letters(self, **filters: str) -> list[Json]:
        """The list of dead letters."""
        answer = await self.client.get("/api/v1/dead-letters", params={"limit": 100, **filters})
        assert answer.status_code == 200, answer.text
        letters: list[Json] = answer.json()["data"]
        return letters

    async def dead_letter(self, notification_id: str) -> Json | None:
        """The dead letter of a notification, if there is one."""
        letters = await self.dead_letters()
        return next((letter for letter in letters if letter["notification_id"] == notification_id), None)

    async def mailbox(self, **filters: str) -> list[Json]:
        """The messages in the built-in mailbox."""
        answer = await self.client.get("/api/v1/mailbox/messages", params={"limit": 100, **filters})
        assert answer.status_code == 200, answer.text
        messages: list[Json] = answer.json()["data"]
        return messages

    async def count(self, **filters: str) -> int:
        """The number of notifications that match the filters."""
        answer = await self.client.get("/api/v1/notifications", params={"limit": 1, **filters})
        assert answer.status_code == 200, answer.text
        return int(answer.json()["meta"]["total"])

    async def listed(self, **filters: str) -> dict[str, str]:
        """The statuses of the notifications that match the filters, by id."""
        found: dict[str, str] = {}
        following: dict[str, str] = {}
        while True:
            answer = await self.client.get("/api/v1/notifications", params={"limit": 100, **filters, **following})
            assert answer.status_code == 200, answer.text
            body = answer.json()
            found |= {row["notification_id"]: row["status"] for row in body["data"]}
            cursor = body["meta"].get("next_cursor")
            if not cursor:
                return found
            following = {"cursor": cursor}

    async def metrics(self, address: str) -> dict[str, float]:
        """The metrics of a process, summed over their labels."""
        answer = await self.client.get(f"{address}/metrics")
        assert answer.status_code == 200
        sums: dict[str, float] = {}
        for family in text_string_to_metric_families(answer.text):
            for sample in family.samples:
                sums[sample.name] = sums.get(sample.name, 0.0) + sample.value
        return sums


def new_name(what: str) -> str:
    """A unique name."""
    return f"{what}-{secrets.token_hex(6)}"


def new_email() -> str:
    """A unique email address."""
    return f"{new_name('ada')}@example.com"


def new_phone() -> str:
    """A valid phone number that is very likely unique. The NANP's fictional range 202 555 01xx is too small."""
    return f"+1415{secrets.randbelow(8) + 2}{secrets.randbelow(10**6):06d}"


def _data(answer: httpx2.Response, status: int) -> Json:
    assert answer.status_code == status, f"{answer.status_code}: {answer.text}"
    body: Json = answer.json()
    assert body["success"] is True
    data: Json = body["data"]
    return data
