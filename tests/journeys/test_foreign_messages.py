"""Messages of other programs in Angarium's queues: they are matched to notifications, or become dead letters."""

import asyncio
import json

import aio_pika
import pytest

from angarium.testing.smtp.script import Step
from tests.support.raw_amqp import PROPERTIES, publish_raw
from tests.support.system import DistributedSystem
from tests.support.system_verbs import Json, new_email, new_name
from tests.support.wait import until

pytestmark = pytest.mark.parametrize(
    "shared_system", [pytest.param("distributed", marks=pytest.mark.distributed)], indirect=True, scope="package"
)


async def _publish(system: DistributedSystem, *bodies: bytes, key: str = "email") -> None:
    """Publish only bodies, with confirms, as a foreign program does."""
    connection = await aio_pika.connect(system.vhost)
    async with connection:
        channel = await connection.channel()
        exchange = await channel.get_exchange("notifications.direct", ensure=False)
        for body in bodies:
            await exchange.publish(aio_pika.Message(body, delivery_mode=aio_pika.DeliveryMode.PERSISTENT), key)
        await channel.close()


def _message(body: Json) -> bytes:
    foreign = {name: body.get(name) for name in ("user_id", "template_code", "variables", "request_id")}
    return json.dumps(foreign).encode()


async def _body(system: DistributedSystem, address: str) -> Json:
    user = await system.create_user(email=address)
    template = await system.create_template()
    return {
        "user_id": user["user_id"],
        "template_code": template["code"],
        "variables": {"name": "Ada"},
        "request_id": new_name("foreign"),
    }


async def _letter_with(system: DistributedSystem, text: str) -> Json:
    async def there() -> Json | None:
        letters = await system.dead_letters()
        return next((letter for letter in letters if text in (letter.get("payload") or "")), None)

    letter = await until(there, 15)
    assert letter is not None
    return letter


async def test_a_foreign_message_triggers_delivery_of_its_notification(system: DistributedSystem) -> None:
    address = new_email()
    body = await _body(system, address)
    await system.stop("email")
    try:
        accepted = await system.send(**body)

        async def waits() -> bool:
            return sum(await system.queue("email.queue")) == 1

        await until(waits, 15, interval=0.2)
        vhost = system.vhost.rpartition("/")[2]
        await system.rabbitmq.ctl("purge_queue", "-p", vhost, "email.queue")
        await _publish(system, _message(body))
    finally:
        await system.start("email")
    await system.wait_for(accepted["notification_id"], "sent")
    assert len(system.sink.to(address)) == 1


async def test_a_foreign_message_does_not_affect_a_sent_notification(system: DistributedSystem) -> None:
    address = new_email()
    body = await _body(system, address)
    await system.deliver(**body)
    await _publish(system, *[_message(body)] * 5)
    other = await system.deliver(**{**body, "request_id": new_name("after")})
    assert other["attempts"] == 1

    async def empty() -> bool:
        return await system.queue("email.queue") == (0, 0)

    await until(empty, 15, interval=0.2)
    assert len(system.sink.to(address)) == 2
    assert not [letter for letter in await system.dead_letters() if body["request_id"] in (letter["payload"] or "")]


async def test_a_foreign_message_without_a_match_is_dead_lettered(system: DistributedSystem) -> None:
    request_id = new_name("nobody")
    await _publish(system, _message({"request_id": request_id, "template_code": "x", "variables": {}}))
    letter = await _letter_with(system, request_id)
    assert letter["notification_id"] is None
    assert letter["channel"] == "email"
    assert "no notification" in letter["reason"]["message"]


async def test_a_foreign_message_with_two_matches_is_dead_lettered(system: DistributedSystem) -> None:
    made = await system.client.post("/api/v1/keys", json={"name": new_name("twin"), "scopes": ["notifications:send"]})
    address = new_email()
    body = await _body(system, address)
    first = await system.send(**body)
    second = await system.send(**body, headers={"X-API-Key": made.json()["data"]["key"]})
    for accepted in (first, second):
        await system.wait_for(accepted["notification_id"], "sent")
    await _publish(system, _message(body))
    letter = await _letter_with(system, body["request_id"])
    assert letter["notification_id"] is None
    assert "more than one" in letter["reason"]["message"]
    assert len(system.sink.to(address)) == 2


MALFORMED = [
    b"this is not JSON",
    b"{}",
    b"[1, 2]",
    b'{"request_id": 7}',
    b"\xff\xfe\x00",
    b'{"request_id": "x", "schema_version": 99}',
    b'{"request_id": "x", "notification_id": "no uuid"}',
    b'{"request_id": "a\\u0000b"}',
    b'{"request_id": "x", "tenant": "\\u0000"}',
    b'{"request_id": "x", "tenant": "' + b"t" * 5000 + b'"}',
    b'{"request_id": "' + b"r" * 5000 + b'"}',
    b'{"request_id": "x", "schema_version": ' + b"9" * 400 + b"}",
]


@pytest.mark.fault(15, 45)
async def test_malformed_messages_are_dead_lettered_and_do_not_affect_others(system: DistributedSystem) -> None:
    addresses = [new_email() for _ in range(len(MALFORMED))]
    bodies = [await _body(system, address) for address in addresses]
    marks = [new_name("mark").encode() for _ in MALFORMED]
    before = system.log("email").stat().st_size
    accepted = [asyncio.ensure_future(system.send(**body)) for body in bodies]
    await _publish(system, *MALFORMED, *(b"broken " + mark for mark in marks))
    for sending in accepted:
        found = await system.wait_for((await sending)["notification_id"], "sent")
        assert found["attempts"] == 1
    for mark in marks:
        letter = await _letter_with(system, mark.decode())
        assert letter["attempts"] == 1
        assert letter["notification_id"] is None
        assert letter["reason"]["code"] == "malformed"
    assert all(len(system.sink.to(address)) == 1 for address in addresses)

    def buried() -> bool:
        lines = system.log("email").read_bytes()[before:].decode().splitlines()
        return sum("message.dead_lettered" in line for line in lines) == len(MALFORMED) + len(marks)

    await until(buried, 15)


@pytest.mark.fault(44)
async def test_properties_and_headers_may_hold_any_bytes(system: DistributedSystem) -> None:
    addresses = [new_email() for _ in range(2 * len(PROPERTIES))]
    bodies = [await _body(system, address) for address in addresses]
    before = system.log("email").stat().st_size
    await system.stop("email")
    accepted: list[Json] = []
    marks: list[str] = []
    try:
        for position, properties in enumerate(PROPERTIES.values()):
            mark = new_name("odd")
            accepted.append(await system.send(**bodies[2 * position]))
            await publish_raw(system.vhost, (b"email.queue", f"broken {mark}".encode(), properties))
            accepted.append(await system.send(**bodies[2 * position + 1]))
            marks.append(mark)
    finally:
        await system.start("email")
    for each in accepted:
        found = await system.wait_for(each["notification_id"], "sent")
        assert found["attempts"] == 1
    for mark in marks:
        letter = await _letter_with(system, mark)
        assert (letter["reason"]["code"], letter["attempts"]) == ("malformed", 1)
    assert all(len(system.sink.to(address)) == 1 for address in addresses)
    assert b"broker.connection_lost" not in system.log("email").read_bytes()[before:]


async def test_a_foreign_message_with_unusual_properties_triggers_delivery(system: DistributedSystem) -> None:
    for properties in PROPERTIES.values():
        address = new_email()
        body = await _body(system, address)
        accepted = await system.send(**body)
        await publish_raw(system.vhost, (b"email.queue", _message(body), properties))
        await system.wait_for(accepted["notification_id"], "sent")
        assert len(system.sink.to(address)) == 1


@pytest.mark.fault(61)
async def test_a_message_published_to_the_default_exchange_is_retried_like_any_other(system: DistributedSystem) -> None:
    address = new_email()
    body = await _body(system, address)
    await system.stop("email")
    try:
        accepted = await system.send(**body)

        async def waits() -> bool:
            return sum(await system.queue("email.queue")) == 1

        await until(waits, 15, interval=0.2)
        await system.rabbitmq.ctl("purge_queue", "-p", system.vhost.rpartition("/")[2], "email.queue")
        await publish_raw(system.vhost, (b"email.queue", _message(body), b"\x00\x00"))
        system.sink.script(address, Step(rcpt="451 4.3.0 try again"))
    finally:
        await system.start("email")
    found = await system.wait_for(accepted["notification_id"], "sent")
    assert found["attempts"] == 2


@pytest.mark.fault(61)
async def test_a_message_in_another_channels_queue_is_moved_to_its_own(system: DistributedSystem) -> None:
    address = new_email()
    body = await _body(system, address)
    await system.stop("email")
    try:
        accepted = await system.send(**body)

        async def waits() -> bool:
            return sum(await system.queue("email.queue")) >= 1  # two workers may each move one to its own queue

        await until(waits, 15, interval=0.2)
        await system.rabbitmq.ctl("purge_queue", "-p", system.vhost.rpartition("/")[2], "email.queue")
        for queue in (b"sms.queue", b"push.urgent.queue"):
            await publish_raw(system.vhost, (queue, _message(body), b"\x00\x00"))
        await until(waits, 15, interval=0.2)
    finally:
        await system.start("email")
    found = await system.wait_for(accepted["notification_id"], "sent")
    assert found["attempts"] == 1
    assert len(system.sink.to(address)) == 1
    assert await system.queue("sms.queue") == (0, 0)
