"""The loop behind RETENTION and REDACT_AFTER."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from angarium.notifications.store.open import open_store
from angarium.notifications.store.port import NotificationStore
from angarium.notifications.store.retention import Retention, Step, Task
from angarium.notifications.store.schema import MIGRATIONS, notifications
from angarium.platform.clock import SystemClock
from angarium.platform.database.engine import open_engine, reading, writing
from angarium.platform.database.turns import alone
from angarium.platform.telemetry.metrics import Metrics
from angarium.services.gateway.retention import TURN, WHOLE_EVERY, Periods, RetentionKeeper
from tests.conformance.store.backends import OUTBOX_LEASE, notification
from tests.support.clock import ManualClock
from tests.support.migrated import upgraded
from tests.support.runtime import a_runtime

DAY = timedelta(days=1)


class _Hasty(SystemClock):
    """Sleeps for no time; says how often."""

    def __init__(self) -> None:
        super().__init__()
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)


class _Kept:
    """A database with notifications of an age, and a keeper over it."""

    def __init__(self, engine: AsyncEngine, store: NotificationStore, periods: Periods) -> None:
        self.engine, self.store, self.metrics, self.clock = engine, store, Metrics(), _Hasty()
        self.keeper = RetentionKeeper(
            engine=engine,
            retention=Retention(engine, self.clock),
            periods=periods,
            runtime=a_runtime(clock=self.clock, metrics=self.metrics),
        )

    async def sent(self, age: timedelta, number: int = 1) -> list[UUID]:
        new = [notification() for _ in range(number)]
        await self.store.accept(new, outbox_lease=OUTBOX_LEASE)
        at = self.clock.now() - age
        ids = [n.id for n in new]
        change = update(notifications).where(notifications.c.id.in_(ids))
        async with writing(self.engine) as connection:
            await connection.execute(change.values(status="sent", sweep_at=None, created_at=at, updated_at=at))
        return ids

    async def left(self) -> set[UUID]:
        async with reading(self.engine) as connection:
            return set(await connection.scalars(select(notifications.c.id)))

    async def redacted(self) -> int:
        query = select(func.count()).where(notifications.c.redacted_at.is_not(None))
        async with reading(self.engine) as connection:
            return await connection.scalar(query) or 0

    def counted(self, task: str) -> float:
        value = self.metrics.registry.get_sample_value(
            "angarium_retention_rows_total", {"task": task, "table": "notifications"}
        )
        return value or 0.0


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.distributed)])
async def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/notifications.db"
    server = request.getfixturevalue("postgresql")
    await server.start()
    created: str = await server.create_database()
    return created


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as opened:
        yield opened


async def _open(url: str, stack: AsyncExitStack, periods: Periods) -> _Kept:
    engine = open_engine(url)
    stack.push_async_callback(engine.dispose)
    await upgraded(engine, MIGRATIONS)
    store = open_store(url, pool_size=2, clock=SystemClock())
    stack.push_async_callback(store.close)
    return _Kept(engine, store, periods)


async def test_one_pass_deletes_and_redacts_by_their_periods(url: str, stack: AsyncExitStack) -> None:
    kept = await _open(url, stack, Periods(prune=90 * DAY, redact=30 * DAY))
    young, middle = await kept.sent(DAY), await kept.sent(40 * DAY)
    await kept.sent(91 * DAY, 3)
    assert await kept.keeper.pass_over()
    assert await kept.left() == {*young, *middle}
    assert await kept.redacted() == 1
    assert (kept.counted("prune"), kept.counted("redact")) == (3, 1)


async def test_only_what_is_set_is_done(url: str, stack: AsyncExitStack) -> None:
    kept = await _open(url, stack, Periods(redact=30 * DAY))
    old = await kept.sent(400 * DAY)
    await kept.keeper.pass_over()
    assert await kept.left() == set(old)
    assert await kept.redacted() == 1


async def test_it_rests_after_each_piece(url: str, stack: AsyncExitStack) -> None:
    kept = await _open(url, stack, Periods(prune=90 * DAY))
    await kept.sent(91 * DAY, 1200)
    await kept.keeper.pass_over()
    assert len(kept.clock.slept) == 3
    assert min(kept.clock.slept) > 0


@pytest.mark.distributed
async def test_one_gateway_at_a_time(stack: AsyncExitStack, request: pytest.FixtureRequest) -> None:
    server = request.getfixturevalue("postgresql")
    await server.start()
    kept = await _open(await server.create_database(), stack, Periods(prune=90 * DAY))
    old = await kept.sent(91 * DAY)
    other = open_engine(kept.engine.url.render_as_string(hide_password=False).replace("+asyncpg", ""))
    stack.push_async_callback(other.dispose)
    async with alone(other, TURN) as mine:
        assert mine
        assert not await kept.keeper.pass_over()
        assert await kept.left() == set(old)
    assert await kept.keeper.pass_over()
    assert await kept.left() == set()
    async with alone(other, TURN) as mine:
        assert mine, "given back"


@pytest.mark.distributed
async def test_a_turn_that_is_cancelled_is_given_back(stack: AsyncExitStack, request: pytest.FixtureRequest) -> None:
    server = request.getfixturevalue("postgresql")
    await server.start()
    engines = [open_engine(url) for url in [await server.create_database()] * 2]
    for engine in engines:
        stack.push_async_callback(engine.dispose)
    taken = asyncio.Event()

    async def hold() -> None:
        async with alone(engines[0], TURN):
            taken.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(hold())
    await taken.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    async with alone(engines[1], TURN) as mine:
        assert mine


async def test_most_passes_begin_near_the_last_ones_end_and_one_a_day_looks_at_all(tmp_path: Path) -> None:
    clock = ManualClock()
    asked: list[object] = []

    class _Asked(Retention):
        async def run(self, task: Task, before: datetime, *, since: datetime | None = None) -> AsyncIterator[Step]:
            asked.append(since)
            return
            yield Step(str(task), before)

    engine = open_engine(f"sqlite:///{tmp_path}/x.db")
    keeper = RetentionKeeper(
        engine=engine,
        retention=_Asked(engine, clock),
        periods=Periods(redact=DAY),
        runtime=a_runtime(clock=clock),
    )
    begun = clock.now()
    await keeper.pass_over()
    await keeper.pass_over()
    await clock.advance(WHOLE_EVERY.total_seconds())
    await keeper.pass_over()
    assert asked == [None, begun - DAY - timedelta(hours=1), None]
    await engine.dispose()


@pytest.mark.parametrize(
    ("periods", "pause"),
    [
        (Periods(prune=90 * DAY), timedelta(minutes=10)),
        (Periods(prune=90 * DAY, redact=timedelta(hours=1)), timedelta(seconds=36)),
        (Periods(redact=timedelta(seconds=1)), timedelta(seconds=1)),
    ],
)
def test_short_periods_have_short_pauses(periods: Periods, pause: timedelta) -> None:
    assert periods.pause == pause


def test_nothing_is_on_unless_it_is_set() -> None:
    assert not Periods()
    assert all(Periods(**{str(task): DAY}) for task in Task)
