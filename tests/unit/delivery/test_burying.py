"""Dead letters that the database refuses hold up no others."""

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import msgspec
import pytest

from angarium.contracts.dead_letters import DeadLetterFilter
from angarium.contracts.messages import FAILED_QUEUE, WORK_EXCHANGE
from angarium.notifications.model import NewDeadLetter, OutboxMessage
from angarium.notifications.store.port import NotificationStore, StoreUnavailable
from angarium.platform.broker.port import Outgoing
from tests.support.delivering import Bench, delivering
from tests.support.wait import until


class OddStore:
    """A store that refuses letters in ways that its port does not know."""

    def __init__(self, store: NotificationStore) -> None:
        self._store = store
        self.refused: list[str] = []
        """Marks of payloads that are refused; an empty payload has every mark."""
        self.away = 0
        self.calls = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def bury(self, letters: Sequence[NewDeadLetter], outbox: Sequence[OutboxMessage]) -> None:
        self.calls += 1
        if self.away:
            self.away -= 1
            raise StoreUnavailable
        if any(mark in (letter.payload or mark) for letter in letters for mark in self.refused):
            raise RuntimeError("an odd letter")
        await self._store.bury(letters, outbox)


class Odd:
    """Makes the OddStore of a bench."""

    store: OddStore

    def __call__(self, store: NotificationStore) -> NotificationStore:
        self.store = OddStore(store)
        return cast("NotificationStore", self.store)


class RefusesPayloads(OddStore):
    """Takes the letter that holds nothing of the message."""

    async def bury(self, letters: Sequence[NewDeadLetter], outbox: Sequence[OutboxMessage]) -> None:
        if any("odd" in (letter.payload or "") for letter in letters):
            raise RuntimeError("an odd letter")
        await self._store.bury(letters, outbox)


async def payloads(bench: Bench) -> list[str | None]:
    rows = (await bench.reader.dead_letters.find("default", DeadLetterFilter())).rows
    return sorted((row.payload for row in rows), key=str)


async def publish(bench: Bench, *bodies: bytes) -> None:
    messages = [Outgoing(WORK_EXCHANGE, "email", body, f"m-{n}") for n, body in enumerate(bodies)]
    assert all(await bench.broker.publish(messages))


async def test_a_letter_that_is_refused_is_recorded_without_its_payload_and_others_with_theirs(tmp_path: Path) -> None:
    log = io.StringIO()

    def through(store: NotificationStore) -> NotificationStore:
        return cast("NotificationStore", RefusesPayloads(store))

    async with delivering(tmp_path, through=through, log=log) as bench:
        await publish(bench, b"one", b"odd", b"two")

        async def all_there() -> bool:
            return await payloads(bench) == ["", "one", "two"]

        await until(all_there)
        [made] = await bench.accept()
        await bench.ends_as(made, "sent")
        [failed, work] = await bench.broker.stats([FAILED_QUEUE, "email.queue"])
        assert (failed.messages, work.messages) == (3, 0)
    assert "message.burying_failed" in log.getvalue()
    assert "an odd letter" in log.getvalue()


@pytest.mark.slow
async def test_a_letter_that_is_refused_in_every_form_is_kept_and_holds_up_nothing(tmp_path: Path) -> None:
    odd = Odd()
    async with delivering(tmp_path, through=odd) as bench:
        odd.store.refused.append("odd")
        await publish(bench, b"one", b"odd", b"two")

        async def others() -> bool:
            return await payloads(bench) == ["one", "two"]

        await until(others)
        calls = odd.store.calls
        made = await bench.accept(20)
        for notification_id in made:
            await bench.ends_as(notification_id, "sent")
        assert odd.store.calls == calls  # it is not tried again and again
    [stats] = await _left(bench)
    assert stats == 1


async def _left(bench: Bench) -> list[int]:
    """What a closed engine gave back to its queue."""
    queue = bench.broker._queue("email.queue")  # type: ignore[attr-defined]  # the memory broker's
    return [queue.ready]


@pytest.mark.slow
async def test_while_the_database_is_away_letters_wait(tmp_path: Path) -> None:
    odd = Odd()
    async with delivering(tmp_path, through=odd) as bench:
        odd.store.away = 2
        await publish(bench, b"one")

        async def there() -> bool:
            return await payloads(bench) == ["one"]

        await until(there)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"request_id": "a\0b"}, ""),
        ({"request_id": "a\0b", "tenant": "acme"}, "(tenant acme)"),
        ({"request_id": "r", "tenant": "a" * 255, "schema_version": 99}, f"(tenant {'a' * 255})"),
        ({"request_id": "r" * 256}, ""),
        ({"request_id": "r", "tenant": "\0"}, ""),
        ({"request_id": "r", "tenant": "t" * 5000}, ""),
        ({"request_id": "r", "tenant": "t" * 256, "schema_version": 99}, ""),
        ({"request_id": "r", "schema_version": 10**400}, ""),
        ({"request_id": "r", "notification_id": "\0"}, ""),
        ({"request_id": "\0", "notification_id": str(uuid4())}, ""),
        ({"request_id": "r", "user_id": "\0", "tenant": "\0", "template_code": "\0"}, ""),
    ],
)
@pytest.mark.fault(45)
async def test_values_that_no_column_takes_make_a_malformed_message(
    tmp_path: Path, fields: dict[str, object], named: str
) -> None:
    async with delivering(tmp_path) as bench:
        before = await bench.accept(3)
        await publish(bench, json.dumps(fields).encode())
        after = await bench.accept(3)
        for made in (*before, *after):
            await bench.ends_as(made, "sent")

        async def letters() -> Sequence[Any]:
            return (await bench.reader.dead_letters.find("default", DeadLetterFilter())).rows

        [letter] = await until(letters)
        assert (letter.reason.code, letter.attempts) == ("malformed", 1)
        assert letter.reason.message.endswith(named)
        assert ("(tenant" in letter.reason.message) is bool(named)
        assert "\0" not in f"{letter.reason.message}{letter.payload}"


@pytest.mark.parametrize("tenant", ["absent", "default"])
async def test_a_foreign_message_that_matches_nothing_is_on_the_default_tenants_list(
    tmp_path: Path, tenant: str
) -> None:
    async with delivering(tmp_path) as bench:
        await publish(bench, msgspec.json.encode({"request_id": "r", "tenant": tenant}))

        async def letters() -> Sequence[Any]:
            return (await bench.reader.dead_letters.find("default", DeadLetterFilter())).rows

        [letter] = await until(letters)
        named = "" if tenant == "default" else " (tenant absent)"
        assert letter.reason.message == f"request_id matches no notification{named}"
        assert json.loads(letter.payload)["tenant"] == tenant


@pytest.mark.parametrize("field", ["user_id", "template_code", "correlation_id", "locale", "expires_at"])
async def test_values_that_are_not_read_may_be_anything(tmp_path: Path, field: str) -> None:
    async with delivering(tmp_path) as bench:
        [made] = await bench.accept()
        message = {"request_id": "r", "notification_id": str(made), field: "\0" * 300}
        await publish(bench, msgspec.json.encode(message))
        await bench.ends_as(made, "sent")
        assert await payloads(bench) == []
