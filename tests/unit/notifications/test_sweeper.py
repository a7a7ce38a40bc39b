"""When a sweep leaves claims alone: their workers could not record for a while."""

from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from angarium.notifications.model import Patience, SweepReport
from angarium.notifications.store.port import StoreUnavailable
from angarium.notifications.sweeper import OUTAGE, RETURN, Sweeper
from tests.support.clock import ManualClock
from tests.support.runtime import a_runtime


@dataclass
class Store:
    """Answers sweeps, or does not."""

    clock: ManualClock
    away: bool = False
    frozen_for: float = 0.0
    patience: list[Patience] = field(default_factory=list)

    async def sweep(self, limit: int, *, back: timedelta | None, patience: Patience) -> SweepReport:
        if self.away:
            raise StoreUnavailable
        self.patience.append(patience)
        return SweepReport()


@dataclass
class Swept:
    clock: ManualClock = field(default_factory=ManualClock)

    def __post_init__(self) -> None:
        self.store = Store(self.clock)
        self.sweeper = Sweeper(
            store=self.store,  # type: ignore[arg-type]  # only `sweep` is used
            runtime=a_runtime(clock=self.clock),
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
