"""A batch in which one message or row fails: the others go on, and that one ends or is put off."""

import asyncio
import io
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, cast
from uuid import UUID, uuid4

import msgspec
import pytest

from angarium.contracts.dead_letters import DeadLetterFilter
from angarium.contracts.messages import WORK_EXCHANGE
from angarium.contracts.statuses import Channel
from angarium.contracts.users import Contact
from angarium.delivery.claiming import Claiming
from angarium.delivery.intake import Intake
from angarium.delivery.leases import LeaseKeeper
from angarium.delivery.outcome import Retry, Sent
from angarium.delivery.preparation import Preparation
from angarium.delivery.work import Asked
from angarium.notifications.model import NothingToDo, NotNow, Verdict
from angarium.notifications.store.port import NotificationStore, StoreUnavailable
from angarium.platform.broker.memory.broker import MemoryBroker
from angarium.platform.broker.memory.queue import Message
from angarium.platform.broker.port import Consumer, Delivery, Outgoing
from angarium.platform.identifiers import Identifiers
from angarium.platform.telemetry.logging import make_logger
from tests.support.clock import ManualClock
from tests.support.delivering import Bench, delivering
from tests.support.wait import until


class OddStore:
    """A store on which some claims and look-ups fail in ways that its port does not know."""

    def __init__(self, store: NotificationStore) -> None:
        self._store = store
        self.before: set[UUID] = set()
        """Whose claims fail unmade."""
        self.after: set[UUID] = set()
        """Whose claims are committed and then fail."""
        self.requests: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def claim(self, ids: Collection[UUID], **terms: Any) -> Sequence[Verdict]:
        if self.before.intersection(ids):
            raise RuntimeError("an odd row")
        verdicts = await self._store.claim(ids, **terms)
        if self.after.intersection(ids):
            raise RuntimeError("an odd row")
        return verdicts

    async def find_by_request(self, tenant: str, request_id: str) -> Sequence[UUID]:
        if request_id in self.requests:
            raise RuntimeError("an odd request")
        return await self._store.find_by_request(tenant, request_id)


class Odd:
    """Makes the OddStore of a bench."""

    store: OddStore

    def __call__(self, store: NotificationStore) -> NotificationStore:
        self.store = OddStore(store)
        return cast("NotificationStore", self.store)


async def accept_together(bench: Bench, count: int, mark: Callable[[list[UUID]], None]) -> list[UUID]:
    """Accept `count`, of which nothing is published before `mark` has seen them."""
    publish, bench.publisher = bench.publisher.publish, cast("Any", _Later())
    made = await bench.accept(count)
    mark(made)
    await publish(cast("Any", bench.publisher).messages)
    return made


class _Later:
    def __init__(self) -> None:
        self.messages: Sequence[object] = ()

    async def publish(self, messages: Sequence[object]) -> int:
        self.messages = messages
        return 0


@pytest.mark.slow
@pytest.mark.fault(45)
async def test_a_row_that_cannot_be_claimed_holds_up_no_other_and_is_not_lost(tmp_path: Path) -> None:
    odd, log = Odd(), io.StringIO()
    async with delivering(tmp_path, through=odd, log=log) as bench:
        made = await accept_together(bench, 10, lambda ids: odd.store.before.add(ids[4]))
        for notification_id in made[:4] + made[5:]:
            await bench.ends_as(notification_id, "sent")
        assert await bench.status(made[4]) == "pending"
        odd.store.before.clear()
        await bench.ends_as(made[4], "sent")
        assert {outbound.attempt for outbound in bench.provider.received} == {1}
        assert len(bench.provider.received) == 10
        assert not (await bench.reader.dead_letters.find("default", DeadLetterFilter())).rows
    assert "claim.failed_alone" in log.getvalue()


async def test_a_claim_that_fails_once_it_is_made_counts_no_second_attempt_of_its_neighbours(tmp_path: Path) -> None:
    odd = Odd()
    async with delivering(tmp_path, through=odd) as bench:
        made = await accept_together(bench, 10, lambda ids: odd.store.after.add(ids[4]))
        for notification_id in made[:4] + made[5:]:
            await bench.ends_as(notification_id, "sent")
            events = await bench.reader.events("default", notification_id)
            assert [event["event"] for event in events or []] == ["accepted", "claimed", "attempt", "sent"]


async def test_a_message_whose_look_up_breaks_is_a_dead_letter_at_once(tmp_path: Path) -> None:
    odd = Odd()
    async with delivering(tmp_path, through=odd) as bench:
        odd.store.requests.add("odd")
        before = await bench.accept(3)
        await bench.broker.publish([Outgoing(WORK_EXCHANGE, "email", b'{"request_id": "odd"}', "odd")])
        after = await bench.accept(3)
        for notification_id in before + after:
            await bench.ends_as(notification_id, "sent")
        [letter] = await until(lambda: letters_of(bench))
        assert (letter.reason.code, letter.attempts, letter.payload) == ("undeliverable", 1, '{"request_id": "odd"}')


async def letters_of(bench: Bench) -> Sequence[Any]:
    return (await bench.reader.dead_letters.find("default", DeadLetterFilter())).rows


@pytest.mark.parametrize("ahead", [True, False])
async def test_a_person_who_breaks_the_look_up_uses_up_its_attempts_and_no_others(tmp_path: Path, ahead: bool) -> None:
    async with delivering(tmp_path) as bench:
        well, ill = uuid4(), uuid4()
        bench.directory.add_user(well)
        bench.directory.add_user(ill)
        current = bench.directory.current
        asked = 0

        async def odd(tenant: str, user_ids: Collection[UUID]) -> Mapping[UUID, Contact | None]:
            nonlocal asked
            asked += 1
            if ill in user_ids and (ahead or asked > 1):
                raise KeyError("odd")
            return await current(tenant, user_ids)

        bench.directory.current = odd  # type: ignore[method-assign]
        [first] = await bench.accept(recipient=None, user_id=str(ill))
        others = [(await bench.accept(recipient=None, user_id=str(well)))[0] for _ in range(5)]
        for notification_id in others:
            await bench.ends_as(notification_id, "sent")
        if ahead:
            await bench.ends_as(first, "failed")
            [letter] = await letters_of(bench)
            assert (letter.notification_id, letter.reason.code) == (first, "internal_error")


async def _put(bench: Bench, body: bytes, queue: str = "email.queue", key: str | None = None) -> None:
    """Put a message into a queue as the default exchange does, whose key is the queue's name."""
    assert isinstance(bench.broker, MemoryBroker)
    bench.broker._held += 1
    bench.broker._queue(queue).put(Message(key or queue, body, "foreign", {}))


@pytest.mark.fault(61)
async def test_a_message_that_came_by_another_key_comes_again_by_our_own(tmp_path: Path) -> None:
    async with delivering(tmp_path) as bench:
        bench.provider.script = lambda o: Retry("451") if o.attempt == 1 else Sent("250")
        publish, bench.publisher = bench.publisher, cast("Any", _Later())
        [made] = await bench.accept()
        bench.publisher = publish
        await _put(bench, msgspec.json.encode({"request_id": str(made)}))
        await bench.ends_as(made, "sent")
        assert [o.attempt for o in bench.provider.received] == [1, 2]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("channel", "priority", "queue"), [(Channel.SMS, 5, "sms.queue"), (Channel.PUSH, 9, "push.urgent.queue")]
)
async def test_a_message_in_the_queue_of_another_channel_is_brought_to_its_own(
    tmp_path: Path, channel: Channel, priority: int, queue: str
) -> None:
    async with delivering(tmp_path) as bench:
        publish, bench.publisher = bench.publisher, cast("Any", _Later())
        [made] = await bench.accept(channel=channel, priority=priority)
        bench.publisher = publish
        body = msgspec.json.encode({"request_id": "x", "notification_id": str(made)})
        await _put(bench, body, key="email")

        async def there() -> bool:
            [stats, email] = await bench.broker.stats([queue, "email.queue"])
            return stats.messages == 1 and email.messages == 0

        await until(there)
        assert await bench.status(made) == "pending"


class _Refusing:
    """A store that claims nothing."""

    def __init__(self, errors: Sequence[Exception]) -> None:
        self.errors = [*errors]
        self.tokens: list[UUID] = []

    async def claim(self, ids: Collection[UUID], *, token: UUID, **_: object) -> Sequence[Verdict]:
        self.tokens.append(token)
        if self.errors:
            raise self.errors.pop(0)
        return [NotNow(id_, timedelta(0)) for id_ in ids]


def _claiming(store: _Refusing) -> Claiming:
    clock = ManualClock()
    logger = make_logger("email", stream=io.StringIO())
    port, identifiers = cast("NotificationStore", store), Identifiers(clock)
    preparation = type("_Asks", (), {"ask": staticmethod(_nothing)})()
    return Claiming(
        channel=Channel.EMAIL,
        store=port,
        intake=Intake(channel=Channel.EMAIL, store=port, identifiers=identifiers, logger=logger),
        preparation=cast("Preparation", preparation),
        leases=LeaseKeeper(store=port, clock=clock, logger=logger),
        clock=clock,
        identifiers=identifiers,
        logger=logger,
        worker="w",
    )


async def _nothing(_: object) -> Asked:
    return Asked(0.0, {})


def _delivery(id_: UUID) -> Delivery:
    body = msgspec.json.encode({"request_id": "r", "notification_id": str(id_)})
    return Delivery("email.queue", "email", body, None, {}, redelivered=False, handle=None)


async def _rounds(claiming: Claiming, id_: UUID, count: int) -> list[Verdict]:
    consumer = cast("Consumer", None)
    return [verdict for _ in range(count) for verdict in (await claiming.claim([_delivery(id_)], consumer))[1]]


async def test_a_row_that_cannot_be_claimed_is_redelivered_at_increasing_intervals_then_left_to_the_sweeper() -> None:
    id_ = uuid4()
    claiming = _claiming(_Refusing([RuntimeError("odd") for _ in range(100)]))
    verdicts = await _rounds(claiming, id_, 8)
    waits = [timedelta(seconds=seconds) for seconds in (1, 2, 4, 8, 16, 32)]
    assert verdicts[:6] == [NotNow(id_, wait) for wait in waits]
    assert all(isinstance(verdict, NothingToDo) and verdict.status is not None for verdict in verdicts[6:])


async def test_the_rounds_of_a_thousand_rows_are_remembered() -> None:
    claiming = _claiming(_Refusing([RuntimeError("odd") for _ in range(3000)]))
    for _ in range(1001):
        await _rounds(claiming, uuid4(), 1)
    assert len(claiming._rounds) == 1000


async def test_while_the_database_is_away_one_message_waits_as_a_batch_does() -> None:
    errors = [RuntimeError("odd"), StoreUnavailable(), StoreUnavailable()]
    store = _Refusing(errors)
    claiming = _claiming(store)
    ids = [uuid4(), uuid4()]
    claims = asyncio.ensure_future(claiming.claim([_delivery(id_) for id_ in ids], cast("Consumer", None)))
    clock = claiming._clock
    assert isinstance(clock, ManualClock)
    await clock.advance(2)
    _, verdicts, _ = await claims
    assert {verdict.id for verdict in verdicts} == set(ids)
    assert len(set(store.tokens)) == 1
