"""Slow templates of one tenant hold up its own slow templates, and those of others for one of them at most."""

import asyncio
import threading
from collections.abc import Iterator
from uuid import uuid4

import pytest

from angarium.contracts.errors import RateLimited
from angarium.contracts.statuses import Channel
from angarium.contracts.templates import CompiledTemplate
from angarium.rendering.content import Content, SmsContent
from angarium.rendering.renderer import SLOW_IN_ALL, SLOW_OF_A_TENANT, Renderer
from tests.support.clock import settle
from tests.support.delivering import TEMPLATE


class Held:
    """Renderings that go on one by one."""

    def __init__(self) -> None:
        self.order: list[str] = []
        self._go = threading.Semaphore(0)

    def content(self, _: object, template: CompiledTemplate, *__: object) -> Content:
        self._go.acquire(timeout=30)
        self.order.append(template.tenant)
        return SmsContent("x")

    def release(self, count: int) -> None:
        self._go.release(count)


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[Held]:
    made = Held()
    monkeypatch.setattr(Renderer, "_content", lambda _, *args: made.content(*args))
    monkeypatch.setattr(Renderer, "_parse", lambda *_: {})
    yield made
    made.release(1000)


def of(tenant: str) -> CompiledTemplate:
    return TEMPLATE.model_copy(update={"tenant": tenant, "template_id": uuid4()})


def slow(renderer: Renderer, tenant: str) -> "asyncio.Task[Content]":
    return asyncio.create_task(renderer.patient(of(tenant), Channel.EMAIL, None, {}))


async def test_tenants_take_turns_and_those_beyond_a_share_come_again(held: Held) -> None:
    renderer = Renderer()
    greedy = [slow(renderer, "greedy") for _ in range(10)]
    await settle()
    refused = [task for task in greedy if task.done()]
    assert len(refused) == 10 - 1 - SLOW_OF_A_TENANT
    assert all(isinstance(task.exception(), RateLimited) for task in refused)
    other = slow(renderer, "other")
    await settle()
    held.release(100)
    await other
    assert held.order.index("other") <= 2, "after the one under way, and one more at most"
    await asyncio.gather(*greedy, return_exceptions=True)
    assert held.order.count("greedy") == 1 + SLOW_OF_A_TENANT


async def test_many_greedy_tenants_leave_a_place_to_the_first_of_each(held: Held) -> None:
    renderer = Renderer()
    tasks = [slow(renderer, f"t{tenant}") for _ in range(SLOW_OF_A_TENANT) for tenant in range(30)]
    await settle()
    assert sum(not task.done() for task in tasks) == 31
    assert SLOW_IN_ALL < 30
    assert not (late := slow(renderer, "late")).done()
    held.release(1000)
    assert await late == SmsContent("x")
    await asyncio.gather(*tasks, return_exceptions=True)
