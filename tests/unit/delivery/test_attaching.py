"""Attachments are read just before the send, and only so many at once."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import cast
from uuid import UUID

import msgspec

from angarium.contracts.statuses import Channel, DeliveryPolicy, Status
from angarium.contracts.suppressions import SuppressionReason
from angarium.delivery.attaching import MOST_WAITING, Attaching
from angarium.delivery.results import Results
from angarium.delivery.work import Ready
from angarium.notifications.model import Claimed, Result
from angarium.notifications.options import AttachmentInfo, EmailOptions, Options
from angarium.notifications.store.port import NotificationStore, StoreUnavailable
from angarium.notifications.suppressions.model import NewSuppression, Target
from angarium.platform.identifiers import Identifiers
from angarium.rendering.content import EmailContent
from tests.support.clock import ManualClock
from tests.support.delivering import delivering
from tests.support.wait import until

OPTIONS = {
    "email": {"cc": ["cc@example.com", "gone@example.com"], "bcc": ["GONE@example.com", "bcc@example.com"]},
    "attachments": [{"filename": "a.txt", "content_type": "text/plain", "size": 3}],
}


def ready(size: int = 10) -> Ready:
    info = AttachmentInfo("a", "a/b", size)
    claimed = Claimed(
        id=UUID(int=1), claim_token=UUID(int=2), attempt=1, tenant="default", request_id="r", channel=Channel.EMAIL,
        user_id=None, recipient={"email": "a@example.com"}, template_code="t", template_version=1, locale="en",
        category=None, priority=5, variables={}, correlation_id="c", traceparent=None,
        policy=DeliveryPolicy.AT_LEAST_ONCE, expired=False, expires_at=None, created_at=ManualClock().now(),
        options=Options(attachments=(info,)),
    )  # fmt: skip
    return Ready(claimed, (), EmailContent("s", None, "t"), (), 0.0)


class Stored:
    """A store of attachments."""

    def __init__(self, *contents: bytes) -> None:
        self.contents: Sequence[bytes] = contents
        self.away = False

    async def attachments(self, notification_id: UUID) -> Sequence[bytes]:
        if self.away:
            raise StoreUnavailable
        return self.contents


def attaching(store: Stored, held_bytes: int) -> Attaching:
    clock = ManualClock()
    results = Results(clock, Identifiers(clock))
    return Attaching(cast("NotificationStore", store), results, clock, held_bytes=held_bytes)


async def test_what_is_held_at_once_is_bounded_and_few_wait_for_it() -> None:
    one = attaching(Stored(b"x" * 10), held_bytes=25)
    held: list[asyncio.Event] = []
    results: list[Ready | Result] = []

    async def hold() -> None:
        async with one.attached(ready()) as whole:
            results.append(whole)
            held.append(asyncio.Event())
            if isinstance(whole, Ready):
                await held[-1].wait()

    tasks = [asyncio.create_task(hold()) for _ in range(2 + MOST_WAITING)]
    await until(lambda: one._room.waiting == MOST_WAITING)
    assert [isinstance(whole, Ready) for whole in results] == [True, True]
    await hold()
    assert isinstance(results[2], Result)
    assert (results[2].status, results[2].burns_attempt) == (Status.PENDING, False)
    tasks[-1].cancel()
    await until(lambda: one._room.waiting == MOST_WAITING - 1)
    while len(held) < 2 + MOST_WAITING:
        for event in held:
            event.set()
        await asyncio.sleep(0)
    for event in held:
        event.set()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert one._room.has(25)


async def test_a_file_larger_than_all_room_is_sent_alone() -> None:
    async with attaching(Stored(b"x" * 10), held_bytes=5).attached(ready()) as whole:
        assert isinstance(whole, Ready)
        assert [file.content for file in whole.files] == [b"x" * 10]


async def test_a_database_that_is_away_uses_no_attempt_and_files_that_are_gone_end_it() -> None:
    store = Stored()
    one = attaching(store, held_bytes=100)
    async with one.attached(ready()) as gone:
        assert isinstance(gone, Result)
        assert gone.reason is not None
        assert (gone.status, gone.reason.code) == (Status.FAILED, "attachments_gone")
    store.away = True
    async with one.attached(ready()) as waits:
        assert isinstance(waits, Result)
        assert (waits.status, waits.burns_attempt) == (Status.PENDING, False)
    assert one._room.has(100)


async def test_suppressed_copies_are_left_out_and_the_timeline_says_so(tmp_path: Path) -> None:
    options = msgspec.json.encode(OPTIONS).decode()
    async with delivering(tmp_path) as bench:
        target = Target("default", Channel.EMAIL, "gone@example.com")
        await bench.suppressions.add(NewSuppression(target=target, reason=SuppressionReason.MANUAL, source="test"))
        [identifier] = await bench.accept(1, options=options, files=(b"abc",))
        await bench.ends_as(identifier, "sent")
        [message] = bench.provider.received
        assert message.options.email == EmailOptions(cc=("cc@example.com",), bcc=("bcc@example.com",))
        assert [file.content for file in message.files] == [b"abc"]
        events = await bench.reader.events("default", identifier) or []
        [note] = [event for event in events if event["event"] == "copies_left_out"]
        assert (note["reason"], note["cc"], note["bcc"]) == ("suppressed", ["gone@example.com"], ["GONE@example.com"])


async def test_a_suppressed_recipient_ends_skipped_whatever_the_copies(tmp_path: Path) -> None:
    async with delivering(tmp_path) as bench:
        target = Target("default", Channel.EMAIL, "ada@example.com")
        await bench.suppressions.add(NewSuppression(target=target, reason=SuppressionReason.MANUAL, source="test"))
        [identifier] = await bench.accept(
            1, options='{"email":{"cc":["cc@example.com"]}}', recipient='{"email":"ada@example.com"}', user_id=None
        )
        await bench.ends_as(identifier, "skipped")
        assert bench.provider.received == []
