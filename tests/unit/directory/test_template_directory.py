"""Templates as others see them: fetched once, known while the service is away."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import httpx2
import pytest

from angarium.contracts.envelope import one
from angarium.contracts.statuses import DeliveryPolicy
from angarium.contracts.templates import ChannelSources, CompiledTemplate, PublishedPointer
from angarium.directory.port import DirectoryUnavailable
from angarium.directory.templates import RestTemplates
from angarium.platform.cache.memory import MemoryCache
from angarium.platform.http.client.client import ServiceClient
from angarium.platform.telemetry.metrics import Metrics
from tests.support.clock import ManualClock, settle


class Service:
    """A templates service with one code, that counts what it is asked and can be taken away."""

    def __init__(self) -> None:
        self.published: int | None = 1
        self.asked: list[str] = []
        self.away = False
        self.garbled = False

    async def answer(self, request: httpx2.Request) -> httpx2.Response:
        await asyncio.sleep(0)
        self.asked.append(request.url.path.removeprefix("/internal/v1/templates/welcome/"))
        if self.away:
            raise httpx2.ConnectError("away")
        if self.garbled:
            return httpx2.Response(200, content=b"<html>")
        body = self._body(request)
        return httpx2.Response(404, json={}) if body is None else httpx2.Response(200, content=body)

    def _body(self, request: httpx2.Request) -> bytes | None:
        tenant, word = request.headers["x-angarium-tenant"], request.url.path.rpartition("/")[2]
        if tenant != "default" or "/welcome/" not in request.url.path:
            return None
        if word != "published":
            return one(version(int(word))).model_dump_json().encode() if int(word) <= 2 else None
        if self.published is None:
            return None
        return one(PublishedPointer(code="welcome", version=self.published)).model_dump_json().encode()


def version(number: int) -> CompiledTemplate:
    return CompiledTemplate(
        template_id=UUID(int=1),
        tenant="default",
        code="welcome",
        version=number,
        language="en",
        required_variables=[],
        defaults={},
        category=None,
        delivery_policy=DeliveryPolicy.AT_LEAST_ONCE,
        retry_delays=None,
        locales={"en": ChannelSources(sms={"text": f"v{number}"})},
    )


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
async def cache(clock: ManualClock) -> AsyncIterator[MemoryCache]:
    memory = MemoryCache(clock)
    yield memory
    await memory.close()


@pytest.fixture
async def client(service: Service, clock: ManualClock) -> AsyncIterator[ServiceClient]:
    client = ServiceClient(
        "http://templates",
        service_token="t",
        name="templates",
        transport=httpx2.MockTransport(service.answer),
        clock=clock,
    )
    yield client
    await client.close()


@pytest.fixture
def templates(client: ServiceClient, cache: MemoryCache, clock: ManualClock) -> RestTemplates:
    return RestTemplates(client, cache, clock)


async def test_many_at_once_ask_once(templates: RestTemplates, service: Service) -> None:
    found = await asyncio.gather(*(templates.published("default", "welcome") for _ in range(50)))
    assert found == [version(1)] * 50
    assert service.asked == ["published", "versions/1"]


async def test_what_is_kept_is_what_would_be_given_without_asking(
    templates: RestTemplates, service: Service, cache: MemoryCache, clock: ManualClock
) -> None:
    async with templates.listening():
        assert templates.kept_published("default", "welcome") is None
        assert templates.kept_version("default", "welcome", 1) is None
        await templates.published("default", "welcome")
        asked = list(service.asked)
        assert templates.kept_published("default", "welcome") == version(1)
        assert templates.kept_version("default", "welcome", 1) == version(1)
        assert templates.kept_published("other", "welcome") is None
        await cache.announce("templates", "default:welcome")
        assert templates.kept_published("default", "welcome") is None
        await templates.published("default", "welcome")
        await clock.advance(2)
        assert templates.kept_published("default", "welcome") is None
        assert templates.kept_version("default", "welcome", 1) == version(1)
        assert service.asked == [*asked, "published"]


async def test_a_version_is_fetched_once_and_the_pointer_every_two_seconds(
    templates: RestTemplates, service: Service, clock: ManualClock
) -> None:
    await templates.published("default", "welcome")
    await clock.advance(1.9)
    await templates.published("default", "welcome")
    assert service.asked == ["published", "versions/1"]
    await clock.advance(0.2)
    await templates.published("default", "welcome")
    assert service.asked == ["published", "versions/1", "published"]
    await clock.advance(1_000_000)
    assert await templates.version("default", "welcome", 1) == version(1)
    assert service.asked == ["published", "versions/1", "published"]


async def test_what_is_announced_is_known_at_once(
    templates: RestTemplates, service: Service, cache: MemoryCache
) -> None:
    async with templates.listening():
        await templates.published("default", "welcome")
        service.published = 2
        await cache.announce("templates", "default:other")
        await settle()
        assert await templates.published("default", "welcome") == version(1)
        await cache.announce("templates", "default:welcome")
        await settle()
        assert await templates.published("default", "welcome") == version(2)
        service.published = None
        await cache.announce("templates", "")
        await settle()
        assert await templates.published("default", "welcome") is None


async def test_what_is_not_there_is_none_and_asked_again(templates: RestTemplates, service: Service) -> None:
    assert await templates.published("default", "nobody") is None
    assert await templates.published("other", "welcome") is None
    assert await templates.version("default", "welcome", 3) is None
    service.published = None
    assert await templates.published("default", "welcome") is None
    service.published = 1
    assert await templates.published("default", "welcome") == version(1)


async def test_while_the_service_is_away_the_last_answers_go_on(
    templates: RestTemplates, service: Service, clock: ManualClock
) -> None:
    await templates.published("default", "welcome")
    service.away = True
    for _ in range(5):
        await clock.advance(60)
        assert await templates.published("default", "welcome") == version(1)
    service.away, service.published = False, 2
    await clock.advance(3)
    assert await templates.published("default", "welcome") == version(2)


async def test_a_new_process_finds_versions_in_the_shared_cache(
    templates: RestTemplates, service: Service, client: ServiceClient, cache: MemoryCache, clock: ManualClock
) -> None:
    await templates.version("default", "welcome", 1)
    service.away = True
    fresh = RestTemplates(client, cache, clock)
    assert await fresh.version("default", "welcome", 1) == version(1)
    with pytest.raises(DirectoryUnavailable):
        await fresh.published("default", "welcome")
    with pytest.raises(DirectoryUnavailable):
        await fresh.version("default", "welcome", 2)


@pytest.mark.parametrize("kept", [b"", b"{}", b"\xff", json.dumps({"a": 1}).encode()])
async def test_what_cannot_be_read_in_the_cache_is_not_there(
    templates: RestTemplates, service: Service, cache: MemoryCache, kept: bytes
) -> None:
    await templates.version("default", "welcome", 2)
    copy = (await cache.get_many(["template.2:default:welcome:2"]))[0]
    assert copy is not None
    await cache.set_many({"template.2:default:welcome:1": kept or copy}, timedelta(hours=1))
    service.away = True
    with pytest.raises(DirectoryUnavailable):
        await templates.version("default", "welcome", 1)


async def test_an_unavailable_service_is_not_called_for_a_while(
    templates: RestTemplates, service: Service, clock: ManualClock
) -> None:
    service.away = True
    for _ in range(10):
        with pytest.raises(DirectoryUnavailable):
            await templates.published("default", "welcome")
    assert service.asked == ["published"]
    await clock.advance(1.1)
    service.away = False
    assert await templates.published("default", "welcome") == version(1)


async def test_a_garbled_answer_is_no_answer(templates: RestTemplates, service: Service) -> None:
    service.garbled = True
    with pytest.raises(DirectoryUnavailable):
        await templates.published("default", "welcome")


async def test_the_number_of_versions_kept_is_bounded(
    client: ServiceClient, cache: MemoryCache, clock: ManualClock, service: Service
) -> None:
    small = RestTemplates(client, cache, clock, max_versions=1)
    for number in (1, 2, 1):
        assert await small.version("default", "welcome", number) == version(number)
    assert service.asked == ["versions/1", "versions/2", "versions/1"]


async def test_hits_and_misses_are_counted(client: ServiceClient, cache: MemoryCache, clock: ManualClock) -> None:
    metrics = Metrics()
    templates = RestTemplates(client, cache, clock, metrics=metrics)
    for _ in range(3):
        await templates.version("default", "welcome", 1)
    counted = metrics.render().decode()
    assert 'angarium_cache_requests_total{cache="templates",result="miss"} 1.0' in counted
    assert 'angarium_cache_requests_total{cache="templates",result="hit"} 2.0' in counted
