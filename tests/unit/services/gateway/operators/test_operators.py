"""Operators: accounts by the API, sessions by a password or a link."""

from itertools import pairwise

import pytest
from argon2 import PasswordHasher
from sqlalchemy import select

from angarium.contracts.errors import RateLimited, Unauthorized
from angarium.contracts.operators import SCOPES, Role
from angarium.contracts.scopes import Scope
from angarium.notifications.store.paging import Paging
from angarium.platform.auth.caller import Caller
from angarium.platform.auth.passwords import Passwords
from angarium.platform.auth.throttle import ATTEMPTS, LoginThrottle
from angarium.platform.database.engine import reading
from angarium.services.gateway.audit.store import Actor, AuditFilter, AuditReader
from angarium.services.gateway.operators.schema import operator_sessions, operators
from angarium.services.gateway.operators.sessions import LIFETIME, LINK_LIFETIME, Sessions, SignInLinks
from angarium.services.gateway.operators.store import Operator, OperatorStore
from tests.support.clock import ManualClock
from tests.support.runtime import a_runtime
from tests.unit.services.gateway.conftest import World, error_of, fields_of

pytestmark = pytest.mark.slow

PATH = "/api/v1/operators"
PASSWORD = "correct horse battery"


def sessions(world: World, clock: ManualClock) -> Sessions:
    """Sessions over the world's database, with a cheap hash and a clock to turn."""
    return Sessions(
        store=OperatorStore(world.engine),
        passwords=Passwords(HASHER),
        throttle=LoginThrottle(clock),
        links=SignInLinks(clock),
        audit=world.gateway.audit,
        runtime=a_runtime(clock=clock),
    )


HASHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


async def make(world: World, name: str = "ada", role: Role = Role.OPERATOR) -> str:
    """The id of a new account, whose password is cheap to check."""
    runtime = world.gateway.parts.runtime
    operator = Operator(
        operator_id=runtime.identifiers.new(),
        tenant="default",
        name=name,
        role=role,
        created_at=runtime.clock.now(),
        password_hash=HASHER.hash(PASSWORD),
    )
    actor = Actor(Caller("default", "test", frozenset()), None, None)
    assert await OperatorStore(world.engine).add(operator, world.gateway.audit.entry(actor, "operator.created", name))
    return str(operator.operator_id)


async def test_a_password_that_is_made_is_shown_once_and_stored_as_a_hash(world: World) -> None:
    made = (await world.client.post(PATH, json={"name": "ada", "role": "viewer"})).json()["data"]
    assert len(made["password"]) >= 24
    assert (made["name"], made["role"], made["signed_in_at"]) == ("ada", "viewer", None)
    listed = (await world.client.get(PATH)).json()["data"]
    assert listed == [{name: value for name, value in made.items() if name != "password"}]
    async with reading(world.engine) as connection:
        [row] = (await connection.execute(select(operators))).mappings().all()
    assert row["password_hash"].startswith("$argon2id$")
    assert made["password"] not in repr(row)


async def test_names_are_unique_and_short_passwords_are_refused(world: World) -> None:
    await make(world)
    taken = await world.client.post(PATH, json={"name": "ada", "role": "viewer"})
    assert (taken.status_code, fields_of(taken)) == (409, ["name"])
    short = await world.client.post(PATH, json={"name": "bob", "role": "viewer", "password": "short"})
    assert (short.status_code, fields_of(short)) == (400, ["password"])
    assert (await world.client.post(PATH, json={"name": "bob", "role": "owner"})).status_code == 400


async def test_only_admins_manage_operators(world: World) -> None:
    key = await world.key(*(scope for scope in Scope if scope is not Scope.ADMIN))
    for answer in (
        await world.client.get(PATH, headers=key),
        await world.client.post(PATH, json={"name": "eve", "role": "admin"}, headers=key),
    ):
        assert (answer.status_code, error_of(answer)["code"]) == (403, "forbidden")


async def test_a_session_begins_with_the_password_and_ends_by_time_sign_out_or_revocation(world: World) -> None:
    clock = ManualClock()
    desk, operator_id = sessions(world, clock), await make(world)
    with pytest.raises(Unauthorized):
        await desk.sign_in("default", "ada", "wrong", None)
    with pytest.raises(Unauthorized):
        await desk.sign_in("other", "ada", PASSWORD, None)
    first = await desk.sign_in("default", "ada", PASSWORD, "127.0.0.1")
    found = await desk.find(first.token)
    assert found is not None
    assert (found.caller.identity, found.caller.scopes) == ("operator:ada", SCOPES[Role.OPERATOR])
    async with reading(world.engine) as connection:
        assert first.token not in repr((await connection.execute(select(operator_sessions))).all())
    await desk.sign_out(first, None)
    assert await desk.find(first.token) is None
    second = await desk.sign_in("default", "ada", PASSWORD, None)
    await clock.advance(LIFETIME.total_seconds() + 1)
    assert await desk.find(second.token) is None
    third = await desk.sign_in("default", "ada", PASSWORD, None)
    assert (await world.client.delete(f"{PATH}/{operator_id}")).status_code == 200
    assert await desk.find(third.token) is None
    assert (await world.client.delete(f"{PATH}/{operator_id}")).status_code == 404
    entries = (await AuditReader(world.engine).find("default", AuditFilter(), Paging(50))).rows
    did = {(entry.actor, entry.action) for entry in entries}
    assert {("operator:ada", "operator.signed_in"), ("operator:ada", "operator.signed_out")} <= did
    assert ("default", "operator.revoked") in did


async def test_guesses_are_limited_by_name(world: World) -> None:
    await make(world)
    desk = sessions(world, ManualClock())
    for _ in range(ATTEMPTS):
        with pytest.raises(Unauthorized):
            await desk.sign_in("default", "ada", "wrong", None)
    with pytest.raises(RateLimited):
        await desk.sign_in("default", "ada", PASSWORD, None)


async def test_a_link_signs_in_once_and_expires(world: World) -> None:
    clock = ManualClock()
    desk = sessions(world, clock)
    link = desk.links.make()
    assert desk.links.good(link)
    session = await desk.sign_in_by_link(link, None)
    assert session is not None
    assert session.operator.role is Role.ADMIN
    assert await desk.sign_in_by_link(link, None) is None
    late = desk.links.make()
    await clock.advance(LINK_LIFETIME.total_seconds() + 1)
    assert await desk.sign_in_by_link(late, None) is None


def test_each_role_may_do_what_the_one_before_it_may() -> None:
    scopes = [SCOPES[role] for role in Role]
    assert all(less < more for less, more in pairwise(scopes))
    assert scopes[-1] == frozenset(Scope)
