"""An erased user: the records stay, and nothing personal in them."""

from datetime import timedelta
from uuid import uuid4

from angarium.contracts.statuses import Status
from angarium.notifications.erasure import BATCH, Erasure
from angarium.notifications.model import Event, Reason
from tests.conformance.store.backends import TENANT, Backend, notification, result

CANARY = "canary@example.com"
USER = uuid4()
THEIRS = {
    "user_id": str(USER),
    "variables": f'{{"name":"{CANARY}"}}',
    "metadata": f'{{"to":"{CANARY}"}}',
}


async def _kept_of(backend: Backend) -> str:
    """Everything that the tables hold, as text."""
    tables = ("notifications", "outbox", "dead_letters", "callbacks")
    return "".join([str([dict(row) for row in await backend.query(f"SELECT * FROM {name}")]) for name in tables])  # noqa: S608 - ours


async def test_nothing_personal_is_left_in_any_state_that_it_can_be_in(backend: Backend) -> None:
    pending, done = await backend.accepted(**THEIRS), await backend.ended(Status.SENT, **THEIRS)
    later = await backend.accepted(**THEIRS, send_at=backend.clock.now() + timedelta(days=10_000))
    failed, _ = await backend.failed(**THEIRS)
    claim = await backend.claimed(**THEIRS)
    answer = Event("attempt", backend.clock.now(), {"attempt": 1, "answer": f"550 {CANARY} unknown"})
    refused = result(claim, Status.FAILED, reason=Reason("permanent", f"550 {CANARY} unknown"), events=(answer,))
    assert await backend.store.record([refused]) == [True]
    await backend.store.accept([notification(**THEIRS)], outbox_lease=timedelta(0))
    assert CANARY in await _kept_of(backend)
    assert await Erasure(backend.engine, backend.clock).erase(TENANT, USER) == 0
    assert CANARY not in await _kept_of(backend)
    found = [await backend.status(identifier) for identifier in (pending, later, done, failed, claim.id)]
    assert found == [Status.CANCELLED, Status.CANCELLED, Status.SENT, Status.FAILED, Status.FAILED]
    assert await backend.timeline(pending) == ["accepted", "cancelled"]
    assert "attempt" in await backend.timeline(claim.id)
    assert await backend.reader.count_letters() == 0
    assert await backend.queued() == []
    assert await backend.store.requeue_unfinished() == 0


async def test_what_is_being_sent_is_named_so_that_it_is_erased_again(backend: Backend) -> None:
    claim = await backend.claimed(**THEIRS)
    erasure = Erasure(backend.engine, backend.clock)
    assert await erasure.erase(TENANT, USER) == 1
    assert CANARY not in await _kept_of(backend)
    refused = result(claim, Status.FAILED, reason=Reason("permanent", f"550 {CANARY}"))
    assert await backend.store.record([refused]) == [True]
    assert await erasure.erase(TENANT, USER) == 0
    assert CANARY not in await _kept_of(backend)


async def test_others_and_other_tenants_keep_what_they_have(backend: Backend) -> None:
    other = await backend.accepted(**{**THEIRS, "user_id": str(uuid4())})
    mine = await backend.accepted(**THEIRS)
    erasure = Erasure(backend.engine, backend.clock)
    assert await erasure.erase("elsewhere", USER) == 0
    assert await backend.status(mine) is Status.PENDING
    await erasure.erase(TENANT, USER)
    view = await backend.reader.get(TENANT, other)
    assert view is not None
    assert (view.status, view.variables) == (Status.PENDING, {"name": CANARY})


async def test_more_than_one_piece(backend: Backend) -> None:
    await backend.accept(*(notification(**THEIRS) for _ in range(BATCH + 3)))
    await Erasure(backend.engine, backend.clock).erase(TENANT, USER)
    [row] = await backend.query("SELECT count(*) AS left_over FROM notifications WHERE status = 'pending'")
    assert row["left_over"] == 0
    assert CANARY not in await _kept_of(backend)
