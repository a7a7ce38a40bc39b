"""Receipts in any order, early, late and repeated: what is left is what a plain model says."""

import os
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

import pytest

from angarium.contracts.statuses import UNFINISHED, Channel, Status
from angarium.contracts.suppressions import SuppressionReason
from angarium.notifications.model import Claimed
from angarium.notifications.receipt import FAILURES, Receipt, ReceiptKind, receipt_key
from angarium.notifications.receipts.applying import UNMATCHED_FOR, ApplyReceipts
from angarium.notifications.receipts.pruning import KEPT
from angarium.notifications.store.receipts import ReceiptStore
from angarium.notifications.suppressions.model import SOFT_BOUNCES, Target
from angarium.notifications.suppressions.store import SuppressionStore
from angarium.platform.identifiers import Identifiers
from tests.conformance.store.backends import TENANT, Backend, notification, result
from tests.support.runtime import a_runtime

EVENTS = int(os.environ.get("RECEIPT_EVENTS", "200"))
"""Of one run; `RECEIPT_EVENTS=20000` for a long one."""
ADDRESSES = 12
KINDS = [ReceiptKind.DELIVERED] * 4 + [
    *FAILURES,
    ReceiptKind.SOFT_BOUNCE,
    ReceiptKind.COMPLAINED,
    ReceiptKind.OPTED_OUT,
]
LONG = timedelta(minutes=2)
"""After this every receipt that waits is due."""


@dataclass
class World:
    """Any number of gateways over one database."""

    backend: Backend

    def __post_init__(self) -> None:
        engine, clock = self.backend.engine, self.backend.clock
        self.suppressions = SuppressionStore(engine, clock, Identifiers(clock))
        self.receipts = ReceiptStore(engine, clock)

    def gateway(self) -> ApplyReceipts:
        return ApplyReceipts(
            engine=self.backend.engine,
            receipts=self.receipts,
            store=self.backend.store,
            suppressions=self.suppressions,
            runtime=a_runtime(clock=self.backend.clock),
        )

    async def apply(self) -> None:
        """By two gateways that have just started, so that they look at everything, however time has passed."""
        for gateway in (self.gateway(), self.gateway()):
            while await gateway.once():
                pass

    async def reasons(self, address: str) -> set[str]:
        rows = await self.backend.query("SELECT reason FROM suppressions WHERE address = :address", address=address)
        return {row["reason"] for row in rows}

    async def waiting(self) -> int:
        [row] = await self.backend.query("SELECT count(*) AS n FROM receipts WHERE due_at IS NOT NULL")
        return int(row["n"])


@pytest.fixture
def world(backend: Backend) -> World:
    return World(backend)


@dataclass
class Expected:
    """A notification as the model has it. Early receipts are applied once it is sent, in the order of their times."""

    address: str
    sent: bool = False
    status: Status = Status.SENDING
    early: list[Receipt] = field(default_factory=list)
    events: Counter[str] = field(default_factory=Counter)

    def take(self, receipt: Receipt) -> None:
        if not self.sent:
            self.early.append(receipt)
            return
        if receipt.kind is ReceiptKind.DELIVERED and self.status is Status.SENT:
            self.status = Status.DELIVERED
        elif receipt.kind in FAILURES and self.status is Status.SENT:
            self.status = Status.FAILED
        elif receipt.kind in FAILURES and self.status is Status.DELIVERED:
            self.events["bounced"] += 1
        if receipt.kind in {ReceiptKind.COMPLAINED, ReceiptKind.OPTED_OUT}:
            self.events[receipt.kind] += 1

    def send(self) -> None:
        self.sent, self.status = True, Status.SENT
        for receipt in sorted(self.early, key=lambda one: (one.at, one.key)):
            self.take(receipt)


class Model:
    """Plain, in memory: each key counts once; the first of delivered and failed wins; soft bounces count in a row."""

    def __init__(self) -> None:
        self.notifications: dict[UUID, Expected] = {}
        self.reasons: dict[str, set[str]] = {}
        self._seen: set[str] = set()
        self._soft: Counter[str] = Counter()

    def take(self, identifier: UUID, receipt: Receipt) -> None:
        if receipt.key in self._seen:
            return
        self._seen.add(receipt.key)
        expected = self.notifications[identifier]
        self._address(expected.address, receipt.kind)
        expected.take(receipt)

    def _address(self, address: str, kind: ReceiptKind) -> None:
        reasons = self.reasons.setdefault(address, set())
        match kind:
            case ReceiptKind.HARD_BOUNCE:
                reasons.add(SuppressionReason.HARD_BOUNCE)
            case ReceiptKind.COMPLAINED:
                reasons.add(SuppressionReason.COMPLAINT)
            case ReceiptKind.OPTED_OUT:
                reasons.add(SuppressionReason.OPT_OUT)
            case ReceiptKind.DELIVERED:
                self._soft[address] = 0
            case ReceiptKind.SOFT_BOUNCE:
                self._soft[address] += 1
                if self._soft[address] == SOFT_BOUNCES:
                    self._soft[address] = 0
                    reasons.add(SuppressionReason.SOFT_BOUNCE)
            case _:
                pass


class Chaos:
    """One run: sends and receipts drawn from a seed, for the world and for the model."""

    def __init__(self, world: World, seed: int) -> None:
        self.world, self.model, self.random = world, Model(), random.Random(seed)  # noqa: S311 - a seed must give the same run again
        self.claims: dict[UUID, Claimed] = {}
        self.posted: list[tuple[UUID, Receipt]] = []

    async def send(self, count: int) -> None:
        new = [notification(channel=Channel.EMAIL) for _ in range(count)]
        for claim in await self.world.backend.claim(*await self.world.backend.accept(*new)):
            address = f"person{self.random.randrange(ADDRESSES)}@example.com"
            self.model.notifications[claim.id] = Expected(address)
            self.claims[claim.id] = claim

    async def record(self) -> None:
        """The results of half of what is under way."""
        chosen = [claim for claim in self.claims.values() if self.random.random() < 0.5]
        results = [
            result(claim, Status.SENT, provider="mine", provider_message_id=f"id-{claim.id}") for claim in chosen
        ]
        assert all(await self.world.backend.store.record(results))
        for claim in chosen:
            del self.claims[claim.id]
            self.model.notifications[claim.id].send()

    async def post(self, count: int) -> None:
        """New receipts, repetitions of old ones, and some twice in one request, each for another gateway.

        A request has one receipt for an address, so that their order is known.
        """
        while count > 0:
            request = {receipt.address: (identifier, receipt) for identifier, receipt in self._drawn(ADDRESSES // 2)}
            count -= len(request)
            for identifier, receipt in request.values():
                self.model.take(identifier, receipt)
            chosen = [receipt for _, receipt in request.values()]
            await self.world.receipts.add(chosen + self.random.sample(chosen, len(chosen) // 2))
            await self.world.gateway().once()

    def _drawn(self, most: int) -> Iterator[tuple[UUID, Receipt]]:
        for _ in range(self.random.randint(1, most)):
            if self.posted and self.random.random() < 0.3:
                yield self.random.choice(self.posted)
            else:
                yield self._receipt()

    def _receipt(self) -> tuple[UUID, Receipt]:
        identifier = self.random.choice(list(self.model.notifications))
        number = len(self.posted)
        at = self.world.backend.clock.now() + timedelta(seconds=self.random.randrange(-3600, 3600))
        receipt = Receipt(
            key=receipt_key("mine", number),
            provider="mine",
            kind=self.random.choice(KINDS),
            at=at,
            notification_id=identifier,
            provider_message_id=f"id-{identifier}" if self.random.random() < 0.5 else None,
            address=self.model.notifications[identifier].address,
            reason="550 no",
        )
        self.posted.append((identifier, receipt))
        return identifier, receipt

    async def settle(self) -> None:
        """The rest is recorded, time passes, and everything that waits is applied."""
        while self.claims:
            await self.record()
        await self.world.backend.pass_time(LONG)
        await self.world.apply()


@pytest.mark.timeout(max(120, EVENTS))
@pytest.mark.parametrize("seed", [1])
async def test_final_states_are_those_of_the_model(world: World, seed: int) -> None:
    chaos = Chaos(world, seed)
    rounds = 4
    for _ in range(rounds):
        await chaos.send(max(10, EVENTS // 40))
        await chaos.post(EVENTS // rounds // 4)
        await chaos.record()
        await world.backend.pass_time(LONG)
        await world.apply()
        await chaos.post(EVENTS // rounds // 4)
    await chaos.settle()
    assert await world.waiting() == 0
    for identifier, expected in chaos.model.notifications.items():
        timeline = Counter(await world.backend.timeline(identifier))
        assert await world.backend.status(identifier) is expected.status
        assert timeline["delivered"] + timeline["failed"] == (expected.status is not Status.SENT)
        assert {name: timeline[name] for name in expected.events} == dict(expected.events)
        assert timeline["bounced"] == expected.events["bounced"]
    for address, reasons in chaos.model.reasons.items():
        assert await world.reasons(address) == reasons, address


def a_receipt(kind: ReceiptKind = ReceiptKind.DELIVERED, **changes: object) -> Receipt:
    values: dict[str, object] = {"key": receipt_key("mine", 1), "provider": "mine", "kind": kind, **changes}
    return Receipt(**values)  # type: ignore[arg-type]  # a test names the fields


async def test_an_id_of_the_provider_is_matched_once_it_is_recorded_and_given_up_after_an_hour(world: World) -> None:
    backend = world.backend
    claim = await backend.claimed()
    now = backend.clock.now()
    mine = a_receipt(at=now, provider_message_id="sg-1")
    foreign = a_receipt(key=receipt_key("mine", 2), at=now, provider_message_id="sg-2")
    other = a_receipt(key=receipt_key("other", 3), provider="other", at=now, provider_message_id="sg-1")
    await world.receipts.add([mine, foreign, other])
    await world.apply()
    assert await world.waiting() == 3
    assert await backend.store.record([result(claim, Status.SENT, provider="mine", provider_message_id="sg-1")]) == [
        True
    ]
    await backend.pass_time(LONG)
    await world.apply()
    assert (await backend.status(claim.id), await world.waiting()) == (Status.DELIVERED, 2)
    await backend.pass_time(UNMATCHED_FOR)
    await world.apply()
    assert await world.waiting() == 0


async def test_of_early_receipts_the_first_event_counts_and_not_the_one_that_is_due_first(world: World) -> None:
    backend = world.backend
    claim = await backend.claimed()
    begun = backend.clock.now()
    bounce = a_receipt(ReceiptKind.BLOCKED, at=begun - timedelta(seconds=5), notification_id=claim.id)
    await world.receipts.add([bounce])
    for _ in range(4):  # each look doubles its wait
        await backend.pass_time(timedelta(seconds=20))
        await world.apply()
    await world.receipts.add([a_receipt(key=receipt_key("mine", 2), at=begun, notification_id=claim.id)])
    await backend.store.record([result(claim, Status.SENT)])
    await world.apply()
    assert (await backend.status(claim.id), await world.waiting()) == (Status.FAILED, 0)


async def test_what_a_gateway_took_and_did_not_finish_another_takes_after_its_lease(world: World) -> None:
    identifier = await world.backend.ended(Status.SENT)
    await world.receipts.add([a_receipt(at=world.backend.clock.now(), notification_id=identifier)])
    assert len(await world.receipts.take(10, lease=timedelta(seconds=30))) == 1
    await world.apply()
    assert await world.backend.status(identifier) is Status.SENT
    await world.backend.pass_time(timedelta(seconds=31))
    await world.apply()
    assert await world.backend.status(identifier) is Status.DELIVERED


async def test_a_soft_bounce_counts_once_though_two_gateways_apply_it(world: World) -> None:
    backend, address = world.backend, "ada@example.com"
    for number in range(SOFT_BOUNCES - 1):
        identifier = await backend.ended(Status.SENT)
        bounce = a_receipt(
            ReceiptKind.SOFT_BOUNCE,
            key=receipt_key("mine", number),
            at=backend.clock.now(),
            notification_id=identifier,
            address=address,
        )
        await world.receipts.add([bounce])
        # Both have it: the first one's lease has ended before it is finished.
        first = await world.receipts.take(10, lease=timedelta(0))
        second = await world.receipts.take(10, lease=timedelta(0))
        assert [one.receipt.key for one in first] == [one.receipt.key for one in second] == [bounce.key]
        await world.apply()
        await world.apply()
    assert await world.suppressions.causes([Target(TENANT, Channel.EMAIL, address)]) == {}


async def test_old_receipts_are_deleted_applied_or_not(world: World) -> None:
    identifier = await world.backend.ended(Status.SENT)
    now = world.backend.clock.now()
    await world.receipts.add([a_receipt(at=now, notification_id=identifier)])
    await world.apply()
    await world.receipts.add([a_receipt(key=receipt_key("mine", 2), at=now, provider_message_id="unknown")])
    assert await world.receipts.prune(now - KEPT) == 0
    await world.backend.pass_time(KEPT + timedelta(seconds=1))
    assert await world.receipts.prune(world.backend.clock.now() - KEPT) == 2
    assert Status.SENT not in UNFINISHED


async def test_a_bounce_of_a_copy_concerns_that_address_and_not_the_mail(world: World) -> None:
    backend, copy = world.backend, "Boss@Example.com"
    options = '{"email":{"cc":["' + copy + '"]}}'
    [claim] = await backend.claim(*await backend.accept(notification(options=options)))
    await backend.store.record([result(claim, Status.SENT)])
    bounce = a_receipt(ReceiptKind.HARD_BOUNCE, at=backend.clock.now(), notification_id=claim.id, address=copy)
    await world.receipts.add([bounce])
    await world.apply()
    assert await backend.status(claim.id) is Status.SENT
    assert len(await world.suppressions.causes([Target(TENANT, Channel.EMAIL, copy)])) == 1
