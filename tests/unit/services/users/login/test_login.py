"""Whose email and password: right, wrong, unknown, too often."""

import asyncio
import threading
import time
from typing import Any, Literal
from uuid import uuid4

import httpx2
import pytest
from argon2 import PasswordHasher

from angarium.contracts.errors import RateLimited, ServiceUnavailable
from angarium.platform.auth.passwords import AT_ONCE, WAITING, Passwords
from angarium.platform.auth.throttle import ATTEMPTS, WINDOW_SECONDS, LoginThrottle
from tests.support.clock import ManualClock
from tests.support.wait import until
from tests.unit.services.users.conftest import Users

pytestmark = pytest.mark.slow

LOGIN = "/internal/v1/login"
PASSWORD = "correct horse battery"


async def make(client: httpx2.AsyncClient, **fields: Any) -> str:
    body = {"name": "Ann", "email": "Ann@Example.com", "password": PASSWORD, **fields}
    answer = await client.post("/users", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["data"]["user_id"])


async def log_in(client: httpx2.AsyncClient, email: str, password: str = PASSWORD) -> httpx2.Response:
    return await client.post(LOGIN, json={"email": email, "password": password})


@pytest.mark.parametrize("email", ["Ann@Example.com", "ann@EXAMPLE.com"])
async def test_the_right_password_says_who_it_is(client: httpx2.AsyncClient, email: str) -> None:
    user_id = await make(client)
    answer = await log_in(client, email)
    assert (answer.status_code, answer.json()["data"]) == (200, {"user_id": user_id})


async def test_whatever_is_wrong_the_answer_is_the_same(client: httpx2.AsyncClient, users: Users) -> None:
    await make(client)
    await make(client, email="none@example.com", password=None)
    wrong = [
        await log_in(client, "ann@example.com", "wrong"),
        await log_in(client, "ann@example.com", "x"),
        await log_in(client, "nobody@example.com"),
        await log_in(client, "none@example.com"),
        await log_in(client, "no address"),
        await log_in(users.client("other"), "ann@example.com"),
    ]
    told = []
    for answer in wrong:
        body = answer.json()
        body["error"].pop("correlation_id")
        told.append((answer.status_code, body))
    assert told == [told[0]] * len(wrong)
    assert told[0][0] == 401


async def test_an_unknown_address_takes_as_long_as_a_wrong_password() -> None:
    passwords = Passwords()
    kept = await passwords.hash(PASSWORD)
    await passwords.verify(None, "warm up")

    async def seconds(of: str | None) -> float:
        started = time.process_time()  # the work done, whatever else the processors are busy with
        assert not await passwords.verify(of, "wrong")
        return time.process_time() - started

    pairs = [(await seconds(kept), await seconds(None)) for _ in range(5)]
    assert 0.5 < min(unknown for _, unknown in pairs) / min(known for known, _ in pairs) < 2


async def test_too_many_wrong_passwords_close_the_address_alone(client: httpx2.AsyncClient) -> None:
    await make(client)
    await make(client, email="bob@example.com")
    answers = await asyncio.gather(*(log_in(client, "ann@example.com", f"guess {n}") for n in range(ATTEMPTS + 4)))
    assert sorted(answer.status_code for answer in answers) == [401] * ATTEMPTS + [429] * 4
    right = await log_in(client, "ANN@example.com")
    assert right.status_code == 429
    assert 0 < int(right.headers["retry-after"]) <= WINDOW_SECONDS + 1
    assert (await log_in(client, "bob@example.com")).status_code == 200


async def test_the_wait_that_is_named_is_the_wait_that_is_needed() -> None:
    clock = ManualClock()
    throttle = LoginThrottle(clock)
    for _ in range(ATTEMPTS):
        throttle.begin("t", "ann")
    with pytest.raises(RateLimited) as refused:
        throttle.begin("t", "ann")
    assert refused.value.retry_after == WINDOW_SECONDS
    await clock.advance(WINDOW_SECONDS - 0.5)
    with pytest.raises(RateLimited) as refused:
        throttle.begin("t", "ann")
    assert refused.value.retry_after == 1
    await clock.advance(0.5)
    throttle.begin("t", "ann")


async def test_success_forgets_the_attempts_and_so_does_time() -> None:
    clock = ManualClock()
    throttle = LoginThrottle(clock)
    for _ in range(3):
        for _ in range(ATTEMPTS):
            throttle.begin("t", "ann")
        throttle.succeeded("t", "ann")
    for _ in range(ATTEMPTS):
        throttle.begin("t", "ann")
    with pytest.raises(RateLimited):
        throttle.begin("t", "ann")
    throttle.begin("other", "ann")
    await clock.advance(WINDOW_SECONDS)
    throttle.begin("t", "ann")


async def test_many_other_addresses_do_not_displace_a_limited_one() -> None:
    clock = ManualClock()
    throttle = LoginThrottle(clock)
    for _ in range(ATTEMPTS):
        throttle.begin("t", "victim")
    for number in range(20_000):
        throttle.begin("t", f"other-{number}")
    with pytest.raises(RateLimited):
        throttle.begin("t", "victim")
    await clock.advance(WINDOW_SECONDS)
    throttle.begin("t", "victim")
    assert len(throttle) == 1


class Stuck(PasswordHasher):
    """Hashes and verifies only once it may."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.free = threading.Event()
        self.hashed = 0

    def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
        assert self.free.wait(30)
        self.hashed += 1
        return super().hash(password, salt=salt)

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002 - the library's name
        assert self.free.wait(30)
        return super().verify(hash, password)


async def test_a_flood_is_turned_away_instead_of_waiting() -> None:
    hasher = Stuck()
    passwords = Passwords(hasher)
    calls = [asyncio.create_task(passwords.hash(PASSWORD)) for _ in range(AT_ONCE + WAITING + 3)]
    refused = [call for call in calls[-3:] if isinstance(await asyncio.wait_for(_error(call), 5), ServiceUnavailable)]
    assert len(refused) == 3
    hasher.free.set()
    assert all(isinstance(done, str) for done in await asyncio.gather(*calls[:-3]))
    assert hasher.hashed == AT_ONCE + WAITING


async def test_a_call_that_finds_no_slot_in_time_is_refused_and_never_hashed() -> None:
    hasher = Stuck()
    passwords = Passwords(hasher, patience=0.01)
    calls = [asyncio.create_task(passwords.hash(PASSWORD)) for _ in range(AT_ONCE + 3)]
    for call in calls[AT_ONCE:]:
        error = await _error(call)
        assert isinstance(error, ServiceUnavailable)
        assert error.retry_after == 1
    hasher.free.set()
    await asyncio.gather(*calls[:AT_ONCE])
    assert hasher.hashed == AT_ONCE


async def test_a_caller_that_leaves_frees_no_slot_while_its_hash_is_computed() -> None:
    hasher = Stuck()
    passwords = Passwords(hasher, patience=0.01)
    calls = [asyncio.create_task(passwords.hash(PASSWORD)) for _ in range(AT_ONCE)]
    await asyncio.sleep(0)
    for call in calls:
        call.cancel()
    await asyncio.wait(calls)
    with pytest.raises(ServiceUnavailable):
        await passwords.hash(PASSWORD)
    hasher.free.set()

    async def free_again() -> bool:
        try:
            return bool(await passwords.hash(PASSWORD))
        except ServiceUnavailable:
            return False

    await until(free_again)


async def test_an_attempt_that_was_not_judged_does_not_count(client: httpx2.AsyncClient, users: Users) -> None:
    await make(client)
    hasher = Stuck()
    users.service.logins._passwords = Passwords(hasher, patience=0.001)
    taken = [asyncio.create_task(log_in(client, f"x{n}@example.com")) for n in range(AT_ONCE)]
    await until(users.service.logins._passwords._slots.locked)
    for _ in range(ATTEMPTS + 1):
        answer = await log_in(client, "ann@example.com")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    hasher.free.set()
    await asyncio.gather(*taken)
    answer = await log_in(client, "ann@example.com", "wrong")
    assert answer.status_code == 401


async def test_with_all_slots_taken_a_user_with_a_password_is_refused_before_anything_is_done(
    client: httpx2.AsyncClient, users: Users
) -> None:
    user_id = await make(client)
    hasher = Stuck()
    users.service.people._passwords = Passwords(hasher, patience=0.05)
    bodies = [{"name": "B", "email": f"b{n}@example.com", "password": PASSWORD} for n in range(AT_ONCE + 3)]
    calls = [asyncio.create_task(client.post("/users", json=body)) for body in bodies]
    await until(lambda: sum(call.done() for call in calls) == 3)
    changed = await client.patch(f"/users/{user_id}", json={"name": "C", "password": PASSWORD + "2"})
    assert (changed.status_code, changed.headers["retry-after"]) == (503, "1")
    listed = (await client.get("/users")).json()["data"]  # while the slots are taken
    assert [user["name"] for user in listed] == ["Ann"]
    hasher.free.set()
    answers = await asyncio.gather(*calls)
    statuses = [answer.status_code for answer in answers]
    assert sorted(statuses) == [201] * AT_ONCE + [503] * 3
    repeated = [await client.post("/users", json=body) for body in bodies]
    assert [answer.status_code for answer in repeated] == [200 if status == 201 else 201 for status in statuses]
    assert (await client.get("/users")).json()["meta"]["total"] == len(bodies) + 1


async def _error(call: asyncio.Task[str]) -> BaseException | None:
    await asyncio.wait([call])
    return call.exception()


async def test_only_services_may_ask(users: Users) -> None:
    client = users.client()
    del client.headers["x-service-token"]
    assert (await log_in(client, "ann@example.com")).status_code == 401


async def test_nothing_secret_is_logged(client: httpx2.AsyncClient, users: Users) -> None:
    await make(client)
    await log_in(client, "ann@example.com")
    await log_in(client, "ann@example.com", "canary-password")
    for secret in (PASSWORD, "canary-password", "example.com"):
        assert secret not in users.log.getvalue()


async def test_a_user_reaches_what_is_theirs_and_nothing_else(client: httpx2.AsyncClient, users: Users) -> None:
    own, foreign = await make(client), await make(client, email="bob@example.com")
    user = users.client(scopes="")
    user.headers["x-angarium-user"] = own
    device = await user.post(f"/users/{own}/devices", json={"platform": "fcm", "token": "token"})
    assert device.status_code == 201
    changes = (
        ("GET", "", None),
        ("PATCH", "", {"name": "Anna"}),
        ("PUT", "", {"name": "Anna", "email": "Ann@example.com"}),
        ("GET", "/preferences", None),
        ("PATCH", "/preferences", {"sms": False}),
        ("PUT", "/preferences", {"email": False}),
        ("GET", "/devices", None),
        ("DELETE", f"/devices/{device.json()['data']['device_id']}", None),
    )
    for method, path, body in changes:
        assert (await user.request(method, f"/users/{own}{path}", json=body)).status_code == 200, (method, path)
        for other in (foreign, str(uuid4())):
            refused = await user.request(method, f"/users/{other}{path}", json=body)
            assert (refused.status_code, refused.json()["error"]["code"]) == (403, "forbidden")
    for method, path in (("GET", "/users"), ("POST", "/users"), ("DELETE", f"/users/{own}")):
        assert (await user.request(method, path, json={"name": "x", "email": "x@example.com"})).status_code == 403


@pytest.mark.parametrize(
    "change",
    [
        {"email": "bob@example.com"},
        {"email": "free@example.com"},
        {"phone": "+14155550123"},
        {"webhook": "https://example.com/hook"},
        {"metadata": {"role": "admin"}},
        {"password": "another long password"},
        {"email": None, "phone": "+14155550123"},
    ],
)
async def test_a_user_changes_no_address_password_or_metadata(
    client: httpx2.AsyncClient, users: Users, change: dict[str, Any]
) -> None:
    """A taken address is refused like a free one, so that it cannot be found out."""
    own = await make(client)
    await make(client, email="bob@example.com")
    before = (await client.get(f"/users/{own}")).json()["data"]
    user = users.client(scopes="-")
    user.headers["x-angarium-user"] = own
    refused = await user.patch(f"/users/{own}", json=change)
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "forbidden")
    assert next(iter(change)) in refused.json()["message"]
    assert (await client.get(f"/users/{own}")).json()["data"] == before
    assert (await user.put(f"/users/{own}", json=before)).status_code == 200
    assert (await client.patch(f"/users/{own}", json={"email": "new@example.com"})).status_code == 200
