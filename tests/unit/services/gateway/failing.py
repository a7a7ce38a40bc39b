"""A notification that fails for good, as a worker would let it."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from angarium.contracts.statuses import Status
from angarium.notifications.letters import failed_message, letter_of
from angarium.notifications.model import Claimed, Reason, Result
from angarium.platform.clock import SystemClock
from tests.unit.services.gateway.conftest import World

LEASE = timedelta(seconds=20)


async def fail(
    world: World, request_id: str, code: str = "permanent", *, message: str = "550 5.1.1 no such user", **changes: Any
) -> str:
    """Send one and let it fail as a worker would; the notification's id."""
    answer = await world.send(request_id=request_id, **changes)
    notification_id = UUID(answer.json()["data"]["notification_id"])
    token, reason = uuid4(), Reason(code, message)
    [claimed] = await world.store.claim([notification_id], token=token, lease=LEASE, worker="w-1")
    assert isinstance(claimed, Claimed)
    letter = letter_of(claimed, reason, letter_id=uuid4(), attempts=1)
    pointer = failed_message(letter, SystemClock().now())
    result = Result(
        id=notification_id,
        claim_token=token,
        status=Status.FAILED,
        reason=reason,
        dead_letter=letter,
        outbox=(pointer,),
    )
    assert await world.store.record([result]) == [True]
    await world.gateway.publisher.publish([pointer])
    return str(notification_id)
