"""Who is let in, and by whom."""

import json
from collections.abc import AsyncIterator
from uuid import UUID

import httpx2
import pytest

from angarium.contracts.errors import Forbidden, ServiceUnavailable, Unauthorized, UnsupportedMediaType
from angarium.contracts.scopes import Scope
from angarium.directory.gateway.authenticator import RemoteAuthenticator
from angarium.platform.auth.caller import CALLER_HEADER, SCOPES_HEADER, Caller
from angarium.platform.auth.chain import ChainAuthenticator, OpenAuthenticator
from angarium.platform.auth.service_token import ServiceTokens, caller_headers
from angarium.platform.auth.tokens import TokenVerifier
from angarium.platform.http.client.client import ServiceClient
from angarium.platform.settings.settings import AuthSettings
from tests.support.clock import ManualClock

CALLER = Caller("acme", "billing", frozenset({Scope.USERS_READ}), key_id="k-1")


class Gateway:
    """Answers `POST /internal/v1/verify` as the gateway does; counts."""

    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []
        self.status = 200
        self.down = False

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        assert request.url.path == "/internal/v1/verify"
        assert request.headers["x-service-token"] == "t"
        self.asked.append(json.loads(request.content))
        if self.down:
            message = "refused"
            raise httpx2.ConnectError(message)
        good = {"tenant": "acme", "name": "billing", "scopes": ["users:read", "new:one"], "key_id": "k-1", "more": 1}
        return httpx2.Response(self.status, json={"success": True, "data": good if self.status == 200 else None})


@pytest.fixture
def gateway() -> Gateway:
    return Gateway()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def remote(gateway: Gateway, clock: ManualClock) -> AsyncIterator[RemoteAuthenticator]:
    transport = httpx2.MockTransport(gateway)
    client = ServiceClient("http://gateway", service_token="t", name="gateway", transport=transport)
    yield RemoteAuthenticator(client, "t", clock)
    await client.close()


async def test_the_gateway_says_who_is_behind_a_key(remote: RemoteAuthenticator, gateway: Gateway) -> None:
    assert await remote.authenticate({"x-api-key": "key"}) == CALLER
    assert await remote.authenticate({"authorization": "Bearer token"}) == CALLER
    assert gateway.asked == [{"api_key": "key"}, {"bearer": "token"}]


async def test_its_yes_is_kept_for_a_while(remote: RemoteAuthenticator, gateway: Gateway, clock: ManualClock) -> None:
    for _ in range(3):
        await remote.authenticate({"x-api-key": "key"})
    await clock.advance(24)
    await remote.authenticate({"x-api-key": "key"})
    assert len(gateway.asked) == 1
    gateway.status = 401
    await clock.advance(1)
    with pytest.raises(Unauthorized):
        await remote.authenticate({"x-api-key": "key"})


async def test_its_no_is_kept_for_some_seconds(
    remote: RemoteAuthenticator, gateway: Gateway, clock: ManualClock
) -> None:
    gateway.status = 401
    for _ in range(3):
        with pytest.raises(Unauthorized):
            await remote.authenticate({"x-api-key": "key"})
    assert len(gateway.asked) == 1
    gateway.status = 200
    await clock.advance(5)
    assert await remote.authenticate({"x-api-key": "key"}) == CALLER


async def test_a_key_is_no_token_though_they_read_alike(remote: RemoteAuthenticator, gateway: Gateway) -> None:
    await remote.authenticate({"x-api-key": "same"})
    gateway.status = 401
    with pytest.raises(Unauthorized):
        await remote.authenticate({"authorization": "Bearer same"})


@pytest.mark.parametrize("status", [403, 404, 500, 503])
async def test_any_other_answer_is_no_answer(remote: RemoteAuthenticator, gateway: Gateway, status: int) -> None:
    gateway.status = status
    with pytest.raises(ServiceUnavailable):
        await remote.authenticate({"x-api-key": "key"})


async def test_while_the_gateway_is_down_what_is_kept_goes_on(
    remote: RemoteAuthenticator, gateway: Gateway, clock: ManualClock
) -> None:
    await remote.authenticate({"x-api-key": "known"})
    gateway.down = True
    await clock.advance(20)
    assert await remote.authenticate({"x-api-key": "known"}) == CALLER
    with pytest.raises(ServiceUnavailable):
        await remote.authenticate({"x-api-key": "unknown"})


async def test_missing_credentials_are_refused_without_a_request(remote: RemoteAuthenticator, gateway: Gateway) -> None:
    with pytest.raises(Unauthorized):
        await remote.authenticate({})
    assert gateway.asked == []


async def test_a_service_is_known_without_the_gateway(remote: RemoteAuthenticator, gateway: Gateway) -> None:
    gateway.down = True
    caller = await remote.authenticate({"x-service-token": "t", "x-angarium-tenant": "acme"})
    assert caller.tenant == "acme"


async def test_what_is_kept_is_bounded(remote: RemoteAuthenticator, gateway: Gateway) -> None:
    small = RemoteAuthenticator(remote._client, "t", ManualClock(), max_entries=2)
    for key in ("a", "b", "c", "c", "b", "a"):
        await small.authenticate({"x-api-key": key})
    assert [asked["api_key"] for asked in gateway.asked] == ["a", "b", "c", "a"]


async def lookup(key: str) -> Caller | None:
    return CALLER if key == "good" else None


@pytest.fixture
def chain() -> ChainAuthenticator:
    tokens = TokenVerifier(AuthSettings(), ManualClock())
    return ChainAuthenticator(service_tokens=ServiceTokens("t"), keys=lookup, tokens=tokens)


async def test_the_chain_takes_a_service_token_first(chain: ChainAuthenticator) -> None:
    assert (await chain.authenticate({"x-service-token": "t", "x-api-key": "bad"})).name == "service"
    with pytest.raises(Unauthorized):
        await chain.authenticate({"x-service-token": "wrong", "x-api-key": "good"})


async def test_the_chain_looks_keys_up(chain: ChainAuthenticator) -> None:
    assert await chain.authenticate({"x-api-key": "good"}) == CALLER
    assert await chain.authenticate({"authorization": "Bearer good"}) == CALLER
    assert await chain.authenticate({"authorization": "bearer  good"}) == CALLER
    bad = ("Bearer bad", "Bearer", "Bearer ", "Basic good", "good", "Bearer eyJ.good.x", "Bearer a.b.c")
    for headers in ({"x-api-key": "bad"}, {"x-api-key": "bad", "authorization": "Bearer good"}, {}):
        with pytest.raises(Unauthorized):
            await chain.authenticate(headers)
    for shown in bad:
        with pytest.raises(Unauthorized):
            await chain.authenticate({"authorization": shown})


async def test_a_forged_token_costs_no_look_up_of_a_key() -> None:
    asked: list[str] = []

    async def look_up(secret: str) -> Caller | None:
        asked.append(secret)
        return None

    tokens = TokenVerifier(AuthSettings(), ManualClock())
    chain = ChainAuthenticator(service_tokens=ServiceTokens("t"), keys=look_up, tokens=tokens)
    for shown in ("eyJhbGciOiJIUzI1NiJ9.e30.x", "ang_live_x"):
        with pytest.raises(Unauthorized):
            await chain.authenticate({"authorization": f"Bearer {shown}"})
    assert asked == ["ang_live_x"]


LOCAL = {"host": "localhost:8000"}


async def test_with_auth_off_everyone_is_the_seeded_key() -> None:
    open_door = OpenAuthenticator(ServiceTokens("t"))
    caller = await open_door.authenticate(LOCAL)
    assert (caller.tenant, caller.name) == ("default", "default")
    caller.require(Scope.ADMIN)
    assert (await open_door.authenticate({"x-service-token": "t", "x-angarium-tenant": "a"})).tenant == "a"
    with pytest.raises(Unauthorized):
        await open_door.authenticate({"x-service-token": "forged"})


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8000", "127.0.0.1:8000", "127.9.9.9", "[::1]:8000", "[::1]"])
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"sec-fetch-site": "same-origin"},
        {"sec-fetch-site": "none"},
        {"content-length": "0"},
        {"content-length": "2", "content-type": "application/json"},
    ],
)
async def test_with_auth_off_this_machine_is_let_in(host: str, headers: dict[str, str]) -> None:
    open_door = OpenAuthenticator(ServiceTokens("t"))
    await open_door.authenticate({"host": host, **headers})
    await open_door.authenticate({"host": host, "origin": f"http://{host}", **headers})


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"host": ""},
        {"host": "evil.example:8000"},
        {"host": "localhost.evil.example"},
        {"host": "localhost#.evil.com"},
        {"host": "[::1]evil.com"},
        {"host": "127.0.0.1:80:evil.com"},
        {"host": "user@localhost"},
        {"host": "127.0.0.1.nip.io"},
        {"host": "10.0.0.1"},
        {"host": "0.0.0.0"},  # noqa: S104 - not bound
        {**LOCAL, "origin": "https://evil.example"},
        {**LOCAL, "origin": "null"},
        {**LOCAL, "origin": "http://localhost:3000"},
        {**LOCAL, "sec-fetch-site": "cross-site"},
        {**LOCAL, "sec-fetch-site": "same-site"},
    ],
)
async def test_with_auth_off_foreign_pages_and_names_are_refused(headers: dict[str, str]) -> None:
    with pytest.raises(Forbidden):
        await OpenAuthenticator(ServiceTokens("t")).authenticate(headers)


@pytest.mark.parametrize("framing", [{"content-length": "2"}, {"transfer-encoding": "chunked"}])
async def test_with_auth_off_a_body_needs_a_content_type(framing: dict[str, str]) -> None:
    with pytest.raises(UnsupportedMediaType):
        await OpenAuthenticator(ServiceTokens("t")).authenticate({**LOCAL, **framing})


@pytest.mark.parametrize("dropped", [(), (SCOPES_HEADER,), (SCOPES_HEADER, CALLER_HEADER)])
def test_a_user_may_do_nothing_more_where_a_header_is_dropped_on_the_way(dropped: tuple[str, ...]) -> None:
    user = Caller("acme", "ann", frozenset(), user_id=UUID(int=1), kind="user")
    headers = {"x-service-token": "t", **caller_headers("acme", user)}
    assert all(headers.values())
    found = ServiceTokens("t").authenticate({name: value for name, value in headers.items() if name not in dropped})
    assert found is not None
    assert (found.scopes, found.user_id) == (frozenset(), UUID(int=1))


def test_a_service_that_asks_for_itself_may_do_all() -> None:
    found = ServiceTokens("t").authenticate({"x-service-token": "t", **caller_headers("acme", None)})
    assert found is not None
    assert (found.scopes, found.tenant) == (frozenset({Scope.ADMIN}), "acme")
