"""After an opt-out the user gets no more messages, whatever happens to the cache and the users service."""

from collections.abc import Awaitable, Callable, Mapping

import httpx2
import pytest
from redis.asyncio import Redis as RedisClient

from tests.support.servers import Redis
from tests.support.system import DistributedSystem
from tests.support.system_verbs import Json, new_email
from tests.support.wait import until

pytestmark = [pytest.mark.distributed, pytest.mark.slow]
OFF = {"categories": {"marketing": {"email": False}}}
Fault = Callable[[Redis], Awaitable[None]]


async def _nothing(_: Redis) -> None:
    return None


FAULTS: Mapping[str, Fault] = {
    "up": _nothing,
    "killed": Redis.kill,
    "flushed": Redis.flush,
    "frozen": Redis.freeze,
}
REFUSALS: Mapping[str, Fault] = {
    "out of memory": Redis.fill,
    "read only": Redis.become_a_replica,
    "without replicas": Redis.lack_replicas,
}


class Subscriber:
    """A user, and a template with a category that users can disable."""

    def __init__(self, system: DistributedSystem, user_id: str, address: str, code: str) -> None:
        self._system = system
        self.address = address
        self.path = f"/users/{user_id}/preferences"
        self.key = f"user:preferences:{user_id}"
        self.body: Json = {"user_id": user_id, "template_code": code, "variables": {"name": "Ada"}}

    @classmethod
    async def known(cls, system: DistributedSystem) -> "Subscriber":
        """A user who has received one mail, so that the cache and all processes have a copy of their data."""
        address = new_email()
        template = await system.create_template(category="marketing")
        user = await system.create_user(email=address)
        subscriber = cls(system, user["user_id"], address, template["code"])
        await system.deliver(**subscriber.body)
        await until(subscriber.copy, 10)
        return subscriber

    async def opt_out(self) -> None:
        """Opt out through the gateway, as a client does."""
        answer = await self._system.client.patch(f"/api/v1{self.path}", json=OFF)
        assert answer.status_code == 200, answer.text

    async def opt_out_at(self, service: str) -> httpx2.Response:
        """Opt out directly at a users service."""
        url = f"{self._system.address(service)}{self.path}"
        return await self._system.client.patch(url, json=OFF, headers=dict(self._system.service_headers))

    async def copy(self) -> bytes | None:
        """The user's copy in the cache."""
        async with RedisClient.from_url(self._system.redis.url) as redis:
            kept = await redis.get(self.key)
        assert not isinstance(kept, str)
        return kept

    async def put_back(self, copy: bytes | None) -> None:
        """Restore an older copy in the cache, as a snapshot or a replica without the last writes would."""
        assert copy is not None
        async with RedisClient.from_url(self._system.redis.url) as redis:
            await redis.set(self.key, copy, ex=3600)

    async def decided(self, notification_id: str) -> Json | None:
        """The notification, once a worker has claimed it and released or finished it."""
        events = [event["event"] for event in await self._system.events(notification_id)]
        found = await self._system.status(notification_id)
        return found if "claimed" in events and found["status"] != "sending" else None

    async def gets_nothing(self, notification_id: str) -> None:
        """Assert that without the users service the send waits without an attempt, and is skipped afterwards."""
        system = self._system
        found = await until(lambda: self.decided(notification_id), 20)
        assert found is not None
        assert (found["status"], found["attempts"]) == ("pending", 0)
        await system.start("users")
        found = await system.wait_for(notification_id, "skipped", within=30)
        assert found["reason"]["code"] == "opted_out"
        assert len(system.sink.to(self.address)) == 1


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.fault(36)
async def test_an_opt_out_between_acceptance_and_send_is_respected(system: DistributedSystem, fault: str) -> None:
    subscriber = await Subscriber.known(system)
    system.freeze("email")
    accepted = await system.send(**subscriber.body)
    await FAULTS[fault](system.redis)
    await subscriber.opt_out()
    system.thaw("email")
    found = await system.wait_for(accepted["notification_id"], "skipped")
    assert found["reason"]["code"] == "opted_out"
    assert len(system.sink.to(subscriber.address)) == 1


@pytest.mark.parametrize("refusal", REFUSALS)
@pytest.mark.long
async def test_an_opt_out_refused_by_the_cache_survives_a_crash_of_the_users_service(
    system: DistributedSystem, refusal: str
) -> None:
    subscriber = await Subscriber.known(system)
    await REFUSALS[refusal](system.redis)
    await subscriber.opt_out()
    await system.kill("users")
    accepted = await system.send(**subscriber.body)
    await subscriber.gets_nothing(accepted["notification_id"])


@pytest.mark.long
async def test_an_opt_out_that_missed_the_cache_survives_a_crash_of_the_users_service(
    system: DistributedSystem,
) -> None:
    """The users service cannot reach the cache, but the workers can."""
    subscriber = await Subscriber.known(system)
    cut_off = system.copy("users", {"CACHE_URL": "redis://127.0.0.1:1/0"})
    await system.start(cut_off)
    assert (await subscriber.opt_out_at(cut_off)).status_code == 200
    system.forget(cut_off)
    await system.kill("users")
    accepted = await system.send(**subscriber.body)
    await subscriber.gets_nothing(accepted["notification_id"])


async def test_an_opt_out_lost_by_the_cache_survives_a_crash_of_the_users_service(
    system: DistributedSystem,
) -> None:
    subscriber = await Subscriber.known(system)
    before = await subscriber.copy()
    await subscriber.opt_out()
    await system.kill("users")
    await subscriber.put_back(before)
    accepted = await system.send(**subscriber.body)
    await subscriber.gets_nothing(accepted["notification_id"])


@pytest.mark.long
async def test_an_opt_out_survives_a_crash_of_both_users_services(system: DistributedSystem) -> None:
    subscriber = await Subscriber.known(system)
    other = system.copy("users")
    await system.start(other)
    await system.redis.fill()
    assert (await subscriber.opt_out_at(other)).status_code == 200
    system.forget(other)
    await system.kill("users")
    accepted = await system.send(**subscriber.body)
    await subscriber.gets_nothing(accepted["notification_id"])


@pytest.mark.long
async def test_an_opt_out_that_neither_gateway_nor_cache_stored_is_refused(
    system: DistributedSystem,
) -> None:
    subscriber = await Subscriber.known(system)
    system.freeze("email")
    accepted = await system.send(**subscriber.body)
    await system.kill("gateway")
    await system.redis.fill()
    refused = await subscriber.opt_out_at("users")
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "service_unavailable")
    await system.start("gateway")
    await subscriber.opt_out()  # repeats the same call
    await system.kill("users")
    system.thaw("email")
    await subscriber.gets_nothing(accepted["notification_id"])


@pytest.mark.long
async def test_an_opt_out_is_sent_to_the_gateway_once_it_is_up_again(system: DistributedSystem) -> None:
    subscriber = await Subscriber.known(system)
    before = await subscriber.copy()
    await system.kill("gateway")
    assert (await subscriber.opt_out_at("users")).status_code == 200
    told = system.log("users").read_text().count("contact_versions.told_late")
    await system.start("gateway")
    await until(lambda: system.log("users").read_text().count("contact_versions.told_late") > told, 10)
    await system.kill("users")
    await subscriber.put_back(before)
    accepted = await system.send(**subscriber.body)
    await subscriber.gets_nothing(accepted["notification_id"])


async def test_a_current_copy_is_used_while_the_users_service_is_down(system: DistributedSystem) -> None:
    subscriber = await Subscriber.known(system)
    answer = await system.client.patch(f"/api/v1{subscriber.path}", json={"categories": {"news": {"email": False}}})
    assert answer.status_code == 200
    await system.kill("users")
    await system.deliver(**subscriber.body)
    assert len(system.sink.to(subscriber.address)) == 2
