"""A key, a token and a user of one name are three callers."""

import pytest
from sqlalchemy import select

from angarium.contracts.errors import RateLimited
from angarium.contracts.keys import CallerKind
from angarium.contracts.notifications import NotificationRequest
from angarium.contracts.scopes import Scope
from angarium.notifications.store.schema import notifications
from angarium.platform.auth.caller import Caller
from angarium.platform.auth.service_token import ServiceTokens, caller_headers
from angarium.platform.clock import SystemClock
from angarium.platform.database.engine import reading
from angarium.platform.rate_limit.limiter import RateLimiter
from angarium.platform.settings.values import RateLimit
from angarium.platform.telemetry.metrics import Metrics
from angarium.services.gateway.accepting.acceptance import Origin
from tests.unit.services.gateway.conftest import SERVICE_TOKEN, World

KINDS: tuple[CallerKind, ...] = ("key", "token", "user")


def _callers(name: str = "shop") -> list[Caller]:
    return [Caller("default", name, frozenset({Scope.NOTIFICATIONS_SEND}), kind=kind) for kind in KINDS]


async def test_each_has_request_ids_of_its_own(world: World) -> None:
    request = NotificationRequest.model_validate(world.body())
    first = [await world.gateway.acceptor.accept(Origin(caller, "c"), request) for caller in _callers()]
    again = [await world.gateway.acceptor.accept(Origin(caller, "c"), request) for caller in _callers()]
    assert len({accepted.notification_id for accepted in first}) == 3
    assert [one.notification_id for one in again] == [one.notification_id for one in first]
    assert all(accepted.replayed for accepted in again)
    query = select(notifications.c.caller).order_by(notifications.c.caller)
    async with reading(world.engine) as connection:
        stored = (await connection.execute(query)).scalars().all()
    assert stored == ["shop", "token:shop", "user:shop"]


async def test_each_has_an_allowance_of_its_own() -> None:
    limiter = RateLimiter(RateLimit.parse("1/hour"), shared=None, clock=SystemClock(), metrics=Metrics())
    for caller in _callers():
        await limiter.take(caller)
    for caller in _callers():
        with pytest.raises(RateLimited):
            await limiter.take(caller)


@pytest.mark.parametrize("kind", KINDS)
def test_an_identity_is_kept_whole_by_every_database(kind: CallerKind) -> None:
    names = ["shop", "x" * 255, "x" * 254 + "y", "ä" * 255]
    identities = {Caller("default", name, frozenset(), kind=kind).identity for name in names}
    assert len(identities) == len(names)
    assert max(map(len, identities)) <= 255


@pytest.mark.parametrize("caller", _callers("Ünï: shop"))
def test_the_callers_identity_reaches_other_services(caller: Caller) -> None:
    told = ServiceTokens(SERVICE_TOKEN).authenticate(
        {"x-service-token": SERVICE_TOKEN, **caller_headers("default", caller)}
    )
    assert told is not None
    assert told.identity == caller.identity
