"""Live parts: one look for all viewers, the parts that changed, an end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

from angarium.contracts.errors import Transient
from angarium.services.gateway.dashboard.overview.live import LONGEST_SECONDS, Live, Parts
from tests.support.clock import ManualClock
from tests.support.wait import until

News = str | Parts | None


class Page:
    """What a look finds; counts looks."""

    def __init__(self) -> None:
        self.parts: dict[str, str] = {"figures": "1", "chart": "a"}
        self.looks = 0
        self.away = False

    async def read(self, tenant: str) -> Parts:
        self.looks += 1
        if self.away:
            raise Transient
        return dict(self.parts)


async def next_of(stream: AsyncIterator[News]) -> News:
    return await asyncio.wait_for(anext(stream), 5)


async def watched(live: Live, by: int = 1) -> None:
    """Return once there are that many viewers, all of whom wait."""
    await until(lambda: live.viewers >= by)


async def test_ten_viewers_cost_one_look_and_get_what_changed() -> None:
    page, clock = Page(), ManualClock()
    live = Live(page.read, clock)
    assert not await live.once()
    assert page.looks == 0
    streams = [live.stream("default") for _ in range(10)]
    waiting = [asyncio.create_task(next_of(stream)) for stream in streams]
    await watched(live, by=10)
    await live.once()
    assert await asyncio.gather(*waiting) == [page.parts] * 10
    page.parts["figures"] = "2"
    await live.once()
    assert [await next_of(stream) for stream in streams] == [{"figures": "2"}] * 10
    assert page.looks == 2
    for stream in streams:
        await stream.aclose()  # type: ignore[attr-defined]  # a generator
    await live.once()
    assert page.looks == 2


async def test_a_slow_viewer_gets_the_newest_form_of_each_part() -> None:
    page = Page()
    live = Live(page.read, ManualClock())
    stream = live.stream("default")
    first = asyncio.create_task(next_of(stream))
    await watched(live)
    await live.once()
    await first
    for number in range(5):
        page.parts = {"figures": str(number), "chart": "a"}
        await live.once()
    assert await next_of(stream) == {"figures": "4"}


async def test_a_database_that_is_away_is_said_and_quiet_times_keep_the_connection() -> None:
    page, clock = Page(), ManualClock()
    page.away = True
    live = Live(page.read, clock)
    stream = live.stream("default")
    first = asyncio.create_task(next_of(stream))
    await watched(live)
    await live.once()
    assert await first == "stale"
    quiet = asyncio.create_task(next_of(stream))
    await watched(live)
    await clock.advance(20)
    assert await quiet is None


async def test_streams_end_by_time_and_when_the_server_stops() -> None:
    page, clock = Page(), ManualClock()
    live = Live(page.read, clock)
    async with aclosing(live.stream("default")) as stream:  # type: ignore[type-var]  # a generator
        first = asyncio.create_task(next_of(stream))
        await watched(live)
        await clock.advance(LONGEST_SECONDS + 1)
        assert await first is None
        assert [news async for news in stream] == []
    other = live.stream("default")
    waiting = asyncio.create_task(next_of(other))
    await watched(live)
    live.close()
    await asyncio.gather(waiting, return_exceptions=True)
    assert [news async for news in other] == []
    assert [news async for news in live.stream("default")] == []
