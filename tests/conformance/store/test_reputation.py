"""The totals of senders and their pauses: what many workers and gateways count is one sum, and one of them pauses."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from angarium.contracts.providers import SenderState, provider_id_of
from angarium.contracts.statuses import Channel, Status
from angarium.notifications.providers.model import Configured, SenderStanding
from angarium.notifications.providers.reputation import PERIOD, Totals
from angarium.notifications.providers.reputation_store import KEPT
from angarium.notifications.providers.store import ProviderStore
from angarium.notifications.receipt import Receipt, ReceiptKind
from angarium.notifications.receipts.applying import ApplyReceipts
from angarium.notifications.store.receipts import ReceiptStore
from angarium.notifications.suppressions.store import SuppressionStore
from angarium.platform.identifiers import Identifiers
from tests.conformance.store.backends import Backend
from tests.support.runtime import a_runtime

A, B = provider_id_of(Channel.EMAIL, "a"), provider_id_of(Channel.EMAIL, "b")
HOUR = timedelta(hours=1)
BAD = "61 of 1,000 sends in 24 h bounced"


def configured(name: str, channel: Channel = Channel.EMAIL) -> Configured:
    return Configured(provider_id_of(channel, name), channel, name, "smtp", 1, None, None)


@pytest.fixture
async def shared(backend: Backend) -> ProviderStore:
    store = ProviderStore(backend.engine, backend.clock)
    await store.register([configured("a"), configured("b")])
    return store


async def _sender(shared: ProviderStore, provider_id: UUID = A) -> SenderStanding:
    [standing] = await shared.standings(provider_id)
    return standing.sender


async def _paused(shared: ProviderStore) -> Mapping[UUID, bool]:
    return {state.provider_id: state.paused for state in await shared.states("w", [A, B])}


async def test_what_all_count_is_one_sum(shared: ProviderStore) -> None:
    for _ in range(2):
        await shared.reputation.add({A: Totals(100, 7, 1), B: Totals(1)})
    assert await shared.reputation.totals([A, B]) == {A: Totals(200, 14, 2), B: Totals(2)}
    assert (await _sender(shared)).totals == Totals(200, 14, 2)


async def test_those_that_begin_an_hour_together_lose_nothing(shared: ProviderStore) -> None:
    await asyncio.gather(*(shared.reputation.add({A: Totals(10, 1), B: Totals(5)}) for _ in range(8)))
    assert await shared.reputation.totals([A, B]) == {A: Totals(80, 8), B: Totals(40)}


async def test_only_a_day_counts_and_older_hours_are_deleted(shared: ProviderStore, backend: Backend) -> None:
    await shared.reputation.add({A: Totals(100, 50)})
    await backend.pass_time(PERIOD - 2 * HOUR)
    assert await shared.reputation.totals([A]) == {A: Totals(100, 50)}
    await backend.pass_time(2 * HOUR)
    assert await shared.reputation.totals([A]) == {}
    assert await shared.reputation.prune() == 0
    await backend.pass_time(KEPT - PERIOD)
    assert await shared.reputation.prune() == 1


async def test_of_many_workers_one_pauses_and_one_resumes(shared: ProviderStore) -> None:
    assert not any((await _paused(shared)).values())
    paused = await asyncio.gather(*(shared.reputation.pause(A, BAD) for _ in range(5)))
    assert sum(paused) == 1
    assert await _paused(shared) == {A: True, B: False}
    sender = await _sender(shared)
    assert (sender.state, sender.forced, sender.reason) == (SenderState.PAUSED, False, BAD)
    assert sender.changed_at is not None
    resumed = await asyncio.gather(*(shared.reputation.resume(A) for _ in range(5)))
    assert sum(resumed) == 1
    sender = await _sender(shared)
    assert (sender.state, sender.reason, sender.paused) == (SenderState.ACTIVE, None, False)


async def test_a_pause_changes_no_breaker_and_outlasts_a_restart_of_the_workers(shared: ProviderStore) -> None:
    await shared.reputation.pause(A, BAD)
    await shared.leave("w")
    await shared.register([configured("a")])
    [standing] = await shared.standings(A)
    assert (standing.breaker, standing.reason, standing.sender.paused) == ("closed", None, True)


async def test_an_operator_has_the_last_word(shared: ProviderStore) -> None:
    assert await shared.reputation.force(A, SenderState.PAUSED)
    assert not await shared.reputation.resume(A)
    assert (await _sender(shared)).forced
    assert await shared.reputation.force(A, SenderState.ACTIVE)
    assert not await shared.reputation.pause(A, BAD)
    assert await _paused(shared) == {A: False, B: False}


async def test_returning_control_to_the_workers_resets_the_counts(shared: ProviderStore) -> None:
    await shared.reputation.add({A: Totals(1000, 90), B: Totals(7)})
    await shared.reputation.pause(A, BAD)
    assert await shared.reputation.force(A, None)
    sender = await _sender(shared)
    assert (sender.state, sender.forced, sender.totals) == (SenderState.ACTIVE, False, Totals())
    assert (await _sender(shared, B)).totals == Totals(7)
    assert await shared.reputation.pause(A, BAD)


async def test_an_unknown_provider_cannot_be_set(shared: ProviderStore) -> None:
    assert not await shared.reputation.force(UUID(int=1), SenderState.PAUSED)


async def test_bounces_and_complaints_of_receipts_count_once(backend: Backend, shared: ProviderStore) -> None:
    sent = await backend.ended(Status.SENT)
    receipts, runtime = ReceiptStore(backend.engine, backend.clock), a_runtime(clock=backend.clock)
    suppressions = SuppressionStore(backend.engine, backend.clock, Identifiers(backend.clock))
    applying = ApplyReceipts(
        engine=backend.engine, receipts=receipts, store=backend.store, suppressions=suppressions, runtime=runtime
    )
    kinds = (
        ReceiptKind.HARD_BOUNCE,
        ReceiptKind.COMPLAINED,
        ReceiptKind.SOFT_BOUNCE,
        ReceiptKind.BLOCKED,
        ReceiptKind.OPTED_OUT,
        ReceiptKind.DELIVERED,
    )
    for _ in range(2):  # a provider repeats
        await receipts.add(
            [
                Receipt(
                    key=f"key-{kind}",
                    provider="a",
                    kind=kind,
                    at=datetime.now(UTC),
                    notification_id=sent,
                    address="ann@example.com",
                )
                for kind in kinds
            ]
        )
        while await applying.once():
            pass
    assert await shared.reputation.totals([A, B]) == {A: Totals(0, 1, 1)}
