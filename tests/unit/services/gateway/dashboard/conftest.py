"""A gateway with a browser that an operator of each role has signed in with."""

import re
from dataclasses import dataclass, field

import httpx2
import pytest
from argon2 import PasswordHasher

from angarium.contracts.operators import Role
from angarium.services.gateway.audit.store import Actor, Entry
from angarium.services.gateway.dashboard.viewing import PREFIX
from angarium.services.gateway.operators.sessions import caller_of
from angarium.services.gateway.operators.store import Operator, OperatorStore
from tests.unit.services.gateway.conftest import World

PASSWORD = "correct horse battery"
TOKEN = re.compile(r'name="token" value="([0-9a-f]{64})"')
HTML = {"accept": "text/html,*/*"}


@dataclass
class Browser:
    """What a browser does with our pages: cookies, forms with their token."""

    client: httpx2.AsyncClient
    token: str = ""
    same_origin: dict[str, str] = field(default_factory=lambda: {"sec-fetch-site": "same-origin"})

    async def get(self, path: str) -> httpx2.Response:
        """A page; the token of its forms is kept."""
        answer = await self.client.get(path, headers=HTML)
        found = TOKEN.search(answer.text)
        self.token = found[1] if found else self.token
        return answer

    async def post(self, path: str, **fields: str) -> httpx2.Response:
        """Send a form of the last page."""
        data = {"token": self.token, **fields}
        return await self.client.post(path, data=data, headers={**HTML, **self.same_origin})


@dataclass
class Desk:
    """Makes browsers that are signed in."""

    world: World

    def browser(self) -> Browser:
        """A browser without a session."""
        transport = httpx2.ASGITransport(app=self.world.gateway.app, raise_app_exceptions=False)
        return Browser(httpx2.AsyncClient(transport=transport, base_url="http://localhost"))

    async def signed_in(self, role: Role, tenant: str = "default") -> Browser:
        """A browser with an operator of that role."""
        name, runtime = f"{role}-of-{tenant}", self.world.gateway.parts.runtime
        store = OperatorStore(self.world.engine)
        operator = Operator(
            operator_id=runtime.identifiers.new(),
            tenant=tenant,
            name=name,
            role=role,
            created_at=runtime.clock.now(),
            password_hash=PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD),
        )
        actor = Actor(caller_of(operator), None, None)
        await store.add(operator, Entry(runtime.identifiers.new(), runtime.clock.now(), actor, "test", name))
        browser = self.browser()
        await browser.get(f"{PREFIX}/sign-in")
        answer = await browser.post(f"{PREFIX}/sign-in", name=name, password=PASSWORD, tenant=tenant, target="/")
        assert answer.status_code == 303, answer.text
        await browser.get(f"{PREFIX}/notifications")
        return browser


@pytest.fixture
def desk(world: World) -> Desk:
    return Desk(world)
