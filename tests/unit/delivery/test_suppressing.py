"""Suppressed addresses get nothing, and a provider's refusal of an address suppresses it."""

import asyncio
from collections.abc import Collection, Mapping
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from angarium.contracts.statuses import Channel
from angarium.contracts.suppressions import SuppressionReason
from angarium.delivery.outcome import Outcome, Permanent, Sent
from angarium.delivery.preparation import FRESH
from angarium.notifications.store.paging import Paging
from angarium.notifications.suppressions.model import Cause, NewSuppression, Suppression, SuppressionFilter, Target
from angarium.notifications.suppressions.store import SuppressionStore
from angarium.platform.database.faults import DatabaseUnavailable
from tests.support.delivering import Bench, ScriptedProvider, delivering
from tests.support.wait import until

ANN = Target("default", Channel.EMAIL, "ann@example.com")
BOUNCE = Permanent("550 5.1.1 no such user", suppress=True)


def manual(target: Target = ANN) -> NewSuppression:
    return NewSuppression(target=target, reason=SuppressionReason.MANUAL, source="api")


async def listed(bench: Bench) -> list[Suppression]:
    found = (await bench.suppressions.page("default", SuppressionFilter(), Paging(100))).rows
    return list(found)


async def test_a_suppressed_address_ends_skipped_without_attempt_or_dead_letter(tmp_path: Path) -> None:
    async with delivering(tmp_path) as bench:
        await bench.suppressions.add(manual())
        [suppressed] = await bench.accept()
        [other] = await bench.accept(recipient='{"email": "bob@example.com"}')
        await bench.ends_as(suppressed, "skipped")
        await bench.ends_as(other, "sent")
        assert [one.notification_id for one in bench.provider.received] == [other]
        view = await bench.reader.get("default", suppressed)
        assert view is not None
        assert view.reason is not None
        assert (view.attempts, view.reason.code) == (0, "suppressed")
        assert view.reason.message.startswith("manual from api since 20")
        assert await bench.reader.dead_letters.count() == 0


async def test_a_stored_user_whose_address_is_suppressed_gets_nothing(tmp_path: Path) -> None:
    async with delivering(tmp_path) as bench:
        user_id = uuid4()
        bench.directory.add_user(user_id)
        await bench.suppressions.add(manual())
        [suppressed] = await bench.accept(recipient=None, user_id=str(user_id))
        await bench.ends_as(suppressed, "skipped")
        assert bench.provider.received == []


async def test_another_tenant_is_not_affected(tmp_path: Path) -> None:
    async with delivering(tmp_path) as bench:
        await bench.suppressions.add(manual(Target("other", ANN.channel, ANN.address)))
        [sent] = await bench.accept()
        await bench.ends_as(sent, "sent")


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        (BOUNCE, SuppressionReason.HARD_BOUNCE),
        (Permanent("400 21610", suppress=True, opted_out=True), SuppressionReason.OPT_OUT),
    ],
)
async def test_a_refusal_of_the_address_suppresses_it(
    tmp_path: Path, outcome: Outcome, reason: SuppressionReason
) -> None:
    async with delivering(tmp_path, first=ScriptedProvider(lambda _: outcome)) as bench:
        [first] = await bench.accept()
        await bench.ends_as(first, "failed")
        assert [(one.address, one.reason, one.source) for one in await listed(bench)] == [
            (ANN.address, reason, "scripted")
        ]
        [second] = await bench.accept()
        await bench.ends_as(second, "skipped")
        assert len(bench.provider.received) == 1


async def test_other_refusals_suppress_nothing(tmp_path: Path) -> None:
    async with delivering(tmp_path, first=ScriptedProvider(lambda _: Permanent("550 5.7.1 refused"))) as bench:
        [refused] = await bench.accept()
        await bench.ends_as(refused, "failed")
        assert await listed(bench) == []


async def test_the_sandbox_of_test_keys_suppresses_nothing(tmp_path: Path) -> None:
    async with delivering(tmp_path) as bench:
        [bounced] = await bench.accept(test=True, recipient='{"email": "bounce@example.com"}')
        await bench.ends_as(bounced, "failed")
        assert await listed(bench) == []


async def test_an_address_suppressed_while_a_send_waits_for_its_provider_gets_nothing(tmp_path: Path) -> None:
    provider = ScriptedProvider(pool=asyncio.Semaphore(0))
    async with delivering(tmp_path, first=provider) as bench:
        [waiting] = await bench.accept()
        await until(lambda: provider.waiting == 1, message="it never waited")
        await bench.suppressions.add(manual())
        started = asyncio.get_running_loop().time()
        await until(lambda: asyncio.get_running_loop().time() - started > FRESH, message="the answer never became old")
        assert provider.pool is not None
        provider.pool.release()
        await bench.ends_as(waiting, "skipped")
        assert provider.received == []


class _Away(SuppressionStore):
    """A list whose database does not answer while `away`."""

    away = True

    def __init__(self, behind: SuppressionStore) -> None:
        self._behind = behind
        self.asked = 0

    async def causes(self, targets: Collection[Target]) -> Mapping[Target, Cause]:
        self.asked += 1
        if self.away:
            raise DatabaseUnavailable
        return await self._behind.causes(targets)

    async def add(self, new: NewSuppression) -> Suppression:
        self.asked += 1
        if self.away:
            raise DatabaseUnavailable
        return await self._behind.add(new)


async def test_nothing_is_sent_while_the_list_cannot_be_asked(tmp_path: Path) -> None:
    lists: list[_Away] = []

    def behind(store: SuppressionStore) -> SuppressionStore:
        lists.append(_Away(store))
        return lists[0]

    async with delivering(tmp_path, listed=behind) as bench:
        [waiting] = await bench.accept()
        await until(lambda: lists[0].asked > 0, message="the list was never asked")

        async def given_back() -> bool:
            view = await bench.reader.get("default", waiting)
            return view is not None and (str(view.status), view.attempts) == ("pending", 0)

        await until(given_back, message="it was not given back unsent")
        assert bench.provider.received == []
        lists[0].away = False
        await bench.ends_as(waiting, "sent")


async def test_a_refusal_is_recorded_only_once_the_address_is_suppressed(tmp_path: Path) -> None:
    lists: list[_Away] = []

    def behind(store: SuppressionStore) -> SuppressionStore:
        lists.append(_Away(store))
        lists[0].away = False
        return lists[0]

    def refuse(_: object) -> Outcome:
        lists[0].away = True
        return BOUNCE

    async with delivering(tmp_path, first=ScriptedProvider(refuse), listed=behind) as bench:
        [refused] = await bench.accept()
        await until(lambda: lists[0].asked >= 3, message="the suppression was not tried again")
        assert await bench.status(refused) == "sending"
        lists[0].away = False
        await bench.ends_as(refused, "failed")
        assert len(await listed(bench)) == 1


async def test_a_batch_asks_the_list_once(tmp_path: Path) -> None:
    lists: list[_Away] = []

    def behind(store: SuppressionStore) -> SuppressionStore:
        lists.append(_Away(store))
        lists[0].away = False
        return lists[0]

    async with delivering(tmp_path, concurrency=64, listed=behind) as bench:
        made: list[UUID] = await bench.accept(40)
        for one in made:
            await bench.ends_as(one, "sent")
        assert lists[0].asked < 20


async def test_a_device_is_not_held_against_the_list(tmp_path: Path) -> None:
    async with delivering(tmp_path, channel=Channel.PUSH, first=ScriptedProvider(lambda _: Sent("ok"))) as bench:
        [sent] = await bench.accept(recipient='{"push_token": "ann@example.com"}')
        await bench.ends_as(sent, "sent")
