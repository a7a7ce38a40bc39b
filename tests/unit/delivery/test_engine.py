"""The engine on a real store and broker of one process."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import msgspec
import pytest

from angarium.contracts.dead_letters import DeadLetterFilter
from angarium.contracts.messages import FAILED_QUEUE, WORK_EXCHANGE
from angarium.contracts.statuses import DeliveryPolicy
from angarium.contracts.users import Preferences
from angarium.delivery.outcome import Ambiguous, Outcome, Permanent, Retry, Sent
from angarium.delivery.provider import Outbound
from angarium.platform.broker.port import Outgoing
from tests.support.delivering import TEMPLATE, Bench, delivering
from tests.support.wait import until

pytestmark = pytest.mark.slow


async def events_of(bench: Bench, notification_id: object) -> list[str]:
    events = await bench.reader.events("default", notification_id)  # type: ignore[arg-type]  # a test's id
    assert events is not None
    return [event["event"] for event in events]


async def test_sent_with_its_timeline(tmp_path: Path) -> None:
    async with delivering(tmp_path) as bench:
        [made] = await bench.accept()
        await bench.ends_as(made, "sent")
        [outbound] = bench.provider.received
        assert outbound.message_key == str(made)
        assert await events_of(bench, made) == ["accepted", "claimed", "attempt", "sent"]


async def test_many_are_sent_once_each(tmp_path: Path) -> None:
    async with delivering(tmp_path, concurrency=32) as bench:
        made = await bench.accept(500)
        await until(lambda: len(bench.provider.received) >= 500)
        for notification_id in made:
            await bench.ends_as(notification_id, "sent")
        assert set(Counter(o.notification_id for o in bench.provider.received).values()) == {1}


async def test_a_retryable_answer_is_tried_again_and_then_sent(tmp_path: Path) -> None:
    async with delivering(tmp_path) as bench:
        bench.provider.script = lambda o: Retry("451 later") if o.attempt == 1 else Sent("250 ok")
        [made] = await bench.accept()
        await bench.ends_as(made, "sent")
        assert [o.attempt for o in bench.provider.received] == [1, 2]
        timeline = await events_of(bench, made)
        assert timeline == ["accepted", "claimed", "attempt", "retrying", "claimed", "attempt", "sent"]


async def test_used_up_retries_end_in_a_dead_letter(tmp_path: Path) -> None:
    async with delivering(tmp_path) as bench:
        bench.provider.script = lambda _: Retry("421 closing")
        [made] = await bench.accept()
        await bench.ends_as(made, "failed")
        assert len(bench.provider.received) == 3
        view = await bench.reader.get("default", made)
        assert view is not None
        assert view.reason is not None
        assert (view.reason.code, view.reason.message) == ("retries_exhausted", "421 closing")
        [stats] = await bench.broker.stats([FAILED_QUEUE])
        assert stats.messages == 1


async def test_a_refusal_for_good_is_not_retried(tmp_path: Path) -> None:
    async with delivering(tmp_path) as bench:
        bench.provider.script = lambda _: Permanent("550 5.1.1 no such user", suppress=True)
        [made] = await bench.accept()
        await bench.ends_as(made, "failed")
        assert len(bench.provider.received) == 1


@pytest.mark.parametrize(
    ("policy", "status"), [(DeliveryPolicy.AT_LEAST_ONCE, "sent"), (DeliveryPolicy.AT_MOST_ONCE, "unknown")]
)
async def test_a_lost_answer_follows_the_policy(tmp_path: Path, policy: DeliveryPolicy, status: str) -> None:
    async with delivering(tmp_path) as bench:
        bench.provider.script = lambda o: Ambiguous("no reply") if o.attempt == 1 else Sent("250 ok")
        [made] = await bench.accept(policy=policy)
        await bench.ends_as(made, status)


async def test_an_opted_out_user_is_skipped(tmp_path: Path) -> None:
    async with delivering(tmp_path) as bench:
        user_id = uuid4()
        bench.directory.add_user(user_id, preferences=Preferences(email=False))
        [made] = await bench.accept(recipient=None, user_id=str(user_id))
        await bench.ends_as(made, "skipped")
        assert not bench.provider.received


async def test_a_deleted_user_is_skipped(tmp_path: Path) -> None:
    async with delivering(tmp_path) as bench:
        [made] = await bench.accept(recipient=None, user_id=str(uuid4()))
        await bench.ends_as(made, "skipped")


async def test_an_unavailable_directory_defers_without_using_an_attempt(tmp_path: Path) -> None:
    async with delivering(tmp_path) as bench:
        user_id = uuid4()
        bench.directory.add_user(user_id)
        bench.directory.down = True
        [made] = await bench.accept(recipient=None, user_id=str(user_id))

        async def given_back() -> bool:
            view = await bench.reader.get("default", made)
            return view is not None and view.status == "pending" and "claimed" in await events_of(bench, made)

        await until(given_back)
        bench.directory.down = False
        await bench.ends_as(made, "sent")
        assert [o.attempt for o in bench.provider.received] == [1]


async def test_an_expired_one_is_never_sent(tmp_path: Path) -> None:
    async with delivering(tmp_path) as bench:
        [made] = await bench.accept(expires_at=datetime.now(UTC) - timedelta(seconds=1))
        await bench.ends_as(made, "expired")
        assert not bench.provider.received


async def test_no_address_is_a_failure_with_its_reason(tmp_path: Path) -> None:
    async with delivering(tmp_path) as bench:
        user_id = uuid4()
        bench.directory.add_user(user_id, email=None)
        [made] = await bench.accept(recipient=None, user_id=str(user_id))
        await bench.ends_as(made, "failed")
        view = await bench.reader.get("default", made)
        assert view is not None
        assert view.reason is not None
        assert view.reason.code == "no_address"


async def test_the_same_message_a_hundred_times_is_one_send(tmp_path: Path) -> None:
    async with delivering(tmp_path) as bench:
        bench.provider.gate = asyncio.Event()
        [made] = await bench.accept()
        await until(lambda: len(bench.provider.received) == 1)
        body = msgspec.json.encode({"notification_id": str(made), "request_id": "x"})
        copies = [Outgoing(WORK_EXCHANGE, "email", body, f"copy-{n}") for n in range(100)]
        assert all(await bench.broker.publish(copies))
        bench.provider.gate.set()
        await bench.ends_as(made, "sent")
        [again] = await bench.accept()
        await bench.ends_as(again, "sent")
        assert [o.notification_id for o in bench.provider.received] == [made, again]


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"{}",
        b'{"notification_id": "no uuid", "request_id": "x"}',
        b'{"request_id": "x", "schema_version": 99}',
        b'{"request_id": "unknown to us"}',
        b'{"request_id": "x", "notification_id": "01a1f8a0-c551-7e58-92a8-5ae34f2df49f"}',
        b"\xff\xfe",
        b"[" * 100_000,
    ],
)
async def test_poison_is_dead_lettered_and_its_neighbours_do_not_notice(tmp_path: Path, body: bytes) -> None:
    async with delivering(tmp_path) as bench:
        before = await bench.accept()
        assert await bench.broker.publish([Outgoing(WORK_EXCHANGE, "email", body, "poison")]) == [True]
        after = await bench.accept()
        for made in (*before, *after):
            await bench.ends_as(made, "sent")

        async def buried() -> bool:
            [stats] = await bench.broker.stats([FAILED_QUEUE])
            return stats.messages == 1

        await until(buried)
        letters = (await bench.reader.dead_letters.find("default", DeadLetterFilter())).rows
        assert len(letters) == 1
        assert letters[0].notification_id is None
        assert letters[0].payload is not None


async def test_a_foreign_message_is_matched_by_its_request_id(tmp_path: Path) -> None:
    async with delivering(tmp_path) as bench:
        bench.provider.script = lambda o: Retry("451") if o.attempt == 1 else Sent("250")
        [made] = await bench.accept()
        body = msgspec.json.encode(
            {"user_id": "u", "template_code": "welcome", "variables": {}, "request_id": str(made)}
        )
        await bench.broker.publish([Outgoing(WORK_EXCHANGE, "email", body, "foreign")])
        await bench.ends_as(made, "sent")
        assert [o.attempt for o in bench.provider.received] == [1, 2]


@pytest.mark.parametrize("carried", [{}, {"variables": {"name": "Ada"}}, {"variables": {"x": "a" * 1_100_000}}])
async def test_messages_of_every_version_bring_their_notification(tmp_path: Path, carried: dict[str, object]) -> None:
    async with delivering(tmp_path) as bench:
        [made] = await bench.accept(variables=msgspec.json.encode({"name": "Ann", "x": "a" * 1_100_000}).decode())
        await bench.broker.publish([Outgoing(WORK_EXCHANGE, "email", _message_of(made, carried), "older")])
        await bench.ends_as(made, "sent")
        assert not (await bench.reader.dead_letters.find("default", DeadLetterFilter())).rows


def _message_of(notification_id: UUID, carried: dict[str, object]) -> bytes:
    pointer = {"schema_version": 1, "notification_id": str(notification_id), "request_id": str(notification_id)}
    return msgspec.json.encode({**pointer, "tenant": "default", "template_code": "welcome", **carried})


async def test_a_template_that_breaks_rendering_runs_out_of_attempts(tmp_path: Path) -> None:
    async with delivering(tmp_path) as bench:
        sources = TEMPLATE.locales["en"].model_copy(update={"email": {"subject": "{% if %}", "html": "x", "text": "x"}})
        bench.directory.templates["welcome"] = TEMPLATE.model_copy(
            update={"locales": {"en": sources}, "template_id": uuid4()}
        )
        [made] = await bench.accept()
        await bench.ends_as(made, "failed")
        assert not bench.provider.received


@pytest.mark.parametrize("mail", [{"subject": "S", "html": "<p>{{ x }}</p>"}, {"subject": "S", "text": " {{ x }}\n"}])
async def test_what_renders_to_nothing_fails_with_a_reason_of_its_own(tmp_path: Path, mail: dict[str, str]) -> None:
    async with delivering(tmp_path) as bench:
        sources = TEMPLATE.locales["en"].model_copy(update={"email": mail})
        bench.directory.templates["welcome"] = TEMPLATE.model_copy(
            update={"locales": {"en": sources}, "template_id": uuid4()}
        )
        [made] = await bench.accept()
        await bench.ends_as(made, "failed")
        view = await bench.reader.get("default", made)
        assert view is not None
        assert view.reason is not None
        assert (view.reason.code, view.attempts) == ("empty_message", 0)
        assert not bench.provider.received
        assert len((await bench.reader.dead_letters.find("default", DeadLetterFilter())).rows) == 1


async def test_a_stop_lets_sends_under_way_finish(tmp_path: Path) -> None:
    async with delivering(tmp_path) as bench:
        bench.provider.gate = asyncio.Event()
        made = await bench.accept(40)
        await until(lambda: len(bench.provider.received) >= 14)
        bench.stop.set()
        await asyncio.sleep(0)
        bench.provider.gate.set()
        started = {o.notification_id for o in bench.provider.received}
        for notification_id in started:
            await bench.ends_as(notification_id, "sent")
        assert await bench.status(made[-1]) in {"pending", "sent"}


async def test_a_provider_that_raises_is_taken_as_doubt(tmp_path: Path) -> None:
    def script(outbound: Outbound) -> Outcome:
        if outbound.attempt == 1:
            raise RuntimeError("a provider's bug")
        return Sent("250 ok")

    async with delivering(tmp_path) as bench:
        bench.provider.script = script
        [made] = await bench.accept()
        await bench.ends_as(made, "sent")
