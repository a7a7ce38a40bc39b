"""Users with passwords: many concurrent creations, and repeated calls."""

import asyncio
from collections import Counter

import httpx2
import pytest

from tests.support.system import System
from tests.support.system_verbs import Json, new_email, new_name
from tests.support.wait import until

MANY = 28


@pytest.fixture
def bodies() -> list[Json]:
    """More accounts than may wait for a password hash at the same time."""
    part = new_name("account")
    return [{"name": f"{part} {n}", "email": new_email(), "password": new_name("secret")} for n in range(MANY)]


async def test_concurrent_creations_of_accounts_are_complete_or_refused_without_effect(
    system: System, bodies: list[Json]
) -> None:
    async def create(body: Json) -> httpx2.Response:
        return await system.client.post("/api/v1/users", json=body)

    creating = [asyncio.create_task(create(body)) for body in bodies]
    listed = await system.client.get("/api/v1/users", params={"limit": 1})
    assert listed.status_code == 200
    answers = await asyncio.gather(*creating)
    assert Counter(answer.status_code for answer in answers).keys() <= {201, 503}
    for body, answer in zip(bodies, answers, strict=True):
        found = await system.client.get("/api/v1/users", params={"email": body["email"]})
        assert len(found.json()["data"]) == (answer.status_code == 201), answer.text
        if answer.status_code == 503:
            assert int(answer.headers["Retry-After"]) >= 1

    async def repeated(body: Json) -> httpx2.Response | None:
        answer = await create(body)
        return answer if answer.status_code in {200, 201} else None

    by_status = {answer.status_code: (body, answer) for body, answer in zip(bodies, answers, strict=True)}
    for body, answer in by_status.values():
        done = await until(lambda body=body: repeated(body), 30)  # type: ignore[misc]  # a default binds it
        assert done is not None
        if answer.status_code == 201:
            assert (done.status_code, done.json()["data"]) == (200, answer.json()["data"])
    login = await system.client.post(
        "/api/v1/auth/login", json={name: by_status[201][0][name] for name in ("email", "password")}
    )
    assert login.status_code == 200
