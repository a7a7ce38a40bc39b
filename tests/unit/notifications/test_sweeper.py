"""When a sweep leaves claims alone: their workers could not record for a while."""

import asyncio
import io
import json
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import uuid4

import pytest

from angarium.contracts.statuses import Channel, Status
from angarium.notifications.model import Ended, Patience, SweepReport
from angarium.notifications.store.port import StoreUnavailable
from angarium.notifications.sweeper import OUTAGE, RETURN, Sweeper
from angarium.platform.telemetry.logging import make_logger
from tests.support.clock import ManualClock
from tests.support.runtime import a_runtime


@dataclass
class Store:
    """Answers sweeps, or does not."""

    clock: ManualClock
    away: bool = False
    frozen_for: float = 0.0
    patience: list[Patience] = field(default_factory=list)
    ended: list[Ended] = field(default_factory=list)

    async def sweep(self, limit: int, *, back: timedelta | None, patience: Patience) -> SweepReport:
        if self.away:
            raise StoreUnavailable
        self.patience.append(patience)
        return SweepReport(ended=self.ended)


@dataclass
class Swept:
    clock: ManualClock = field(default_factory=ManualClock)

    def __post_init__(self) -> None:
        self.store = Store(self.clock)
        self.log = io.StringIO()
        self.runtime = a_runtime(clock=self.clock, logger=make_logger("gateway", format="json", stream=self.log))
        self.sweeper = Sweeper(
            store=self.store,  # type: ignore[arg-type]  # only `sweep` is used
            runtime=self.runtime,
            waits=lambda: {"email": timedelta(minutes=3)},
        )

    async def spares_claims(self) -> bool:
        await self.sweeper.once()
        return self.store.patience[-1].claims

    async def running(self, seconds: float) -> None:
        """Passes as usual."""
        for _ in range(int(seconds * 2)):
            await self.clock.advance(0.5)
            await self.sweeper.once()


async def test_what_ends_without_a_worker_is_logged_and_counted() -> None:
    swept = Swept()
    ended = uuid4()
    swept.store.ended = [Ended(ended, Channel.SMS, Status.EXPIRED)]
    await swept.sweeper.once()
    await asyncio.sleep(0)  # lines are written at the end of a turn
    [line] = [json.loads(line) for line in swept.log.getvalue().splitlines()]
    assert (line["event"], line["notification_id"], line["channel"]) == ("notification.expired", str(ended), "sms")
    assert swept.runtime.metrics.notifications_finished_total.labels("sms", "expired")._value.get() == 1


async def test_claims_are_spared_at_the_start_and_not_later() -> None:
    swept = Swept()
    assert await swept.spares_claims()
    await swept.running(RETURN - 1)
    assert await swept.spares_claims()
    await swept.running(2)
    assert not await swept.spares_claims()
    assert swept.store.patience[-1].lanes == {"email": timedelta(minutes=3)}


async def test_after_an_outage_results_come_before_the_sweep() -> None:
    swept = Swept()
    await swept.running(RETURN + 1)
    swept.store.away = True
    for _ in range(60):
        await swept.clock.advance(1)
        with pytest.raises(StoreUnavailable):
            await swept.sweeper.once()
    swept.store.away = False
    await swept.sweeper.once()
    await swept.running(RETURN - 1)
    assert await swept.spares_claims()
    await swept.running(2)
    assert not await swept.spares_claims()


async def test_the_first_pass_after_an_outage_spares_claims_too() -> None:
    swept = Swept()
    await swept.running(RETURN + 1)
    await swept.clock.advance(OUTAGE + 1)
    assert await swept.spares_claims()
