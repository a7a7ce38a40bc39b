"""An erased user: the records stay, and nothing personal in them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

from angarium.contracts.messages import EVENTS_EXCHANGE
from angarium.contracts.statuses import Channel, Status
from angarium.notifications.letters import failed_message, foreign_letter
from angarium.notifications.model import Event, OutboxKey, OutboxKind, OutboxMessage, Reason
from angarium.notifications.store.erasure import BATCH, TOLD_WITHIN, Erasure
from angarium.notifications.store.held_reports import HeldReports, Report
from angarium.notifications.store.schema import metadata
from angarium.services.gateway.schema import SCHEMAS as GATEWAY
from tests.conformance.store.backends import TENANT, Backend, letter_of, notification, result

TABLES = [name for schema in (metadata, *GATEWAY) for name in schema.tables]
"""Those of the gateway too."""
CANARY = "canary@example.com"
USER = uuid4()
THEIRS = {
    "user_id": str(USER),
    "variables": f'{{"name":"{CANARY}"}}',
    "metadata": f'{{"to":"{CANARY}"}}',
}


async def _kept_of(backend: Backend) -> str:
    """Everything that the tables hold, as text."""
    rows = [await backend.query(f"SELECT * FROM {name}") for name in TABLES]  # noqa: S608 - ours
    return str([dict(row) for table in rows for row in table])


async def _empty_callbacks(backend: Backend) -> None:
    await backend.query("DELETE FROM callbacks")


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
    assert await backend.reader.dead_letters.count() == 0
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


async def test_letters_go_from_what_waits_to_be_published_too(backend: Backend) -> None:
    claim = await backend.claimed(**THEIRS)
    letter = replace(letter_of(claim), reason=Reason("permanent", f"550 {CANARY} unknown"))
    message = failed_message(letter, backend.clock.now())
    assert await backend.store.record([result(claim, Status.FAILED, dead_letter=letter, outbox=(message,))]) == [True]
    foreign = foreign_letter(
        f'{{"user_id":"{USER}","variables":{{"name":"{CANARY}"}}}}'.encode(),
        Reason("malformed", "no request_id"),
        letter_id=uuid4(),
        channel=Channel.EMAIL,
        tenant=TENANT,
    )
    other = foreign_letter(b"{}", Reason("malformed", "x"), letter_id=uuid4(), channel=Channel.EMAIL, tenant=TENANT)
    await backend.store.bury([foreign, other], [failed_message(foreign, backend.clock.now())])
    assert CANARY in await _kept_of(backend)
    await Erasure(backend.engine, backend.clock).erase(TENANT, USER)
    assert CANARY not in await _kept_of(backend)
    assert await backend.store.living_letters([letter.id, foreign.id, other.id]) == {other.id}


async def test_status_events_and_early_reports_go_those_of_others_stay(backend: Backend) -> None:
    claim, other = await backend.claimed(**THEIRS), uuid4()
    bodies = [f'{{"user_id":"{user}","reason":{{"message":"550 {CANARY}"}}}}'.encode() for user in (USER, other)]
    events = tuple(
        OutboxMessage(
            key=OutboxKey(uuid4(), OutboxKind.STATUS_EVENT),
            exchange=EVENTS_EXCHANGE,
            routing_key="email.sent",
            body=body,
        )
        for body in bodies
    )
    assert await backend.store.record([result(claim, Status.SENT, outbox=events)]) == [True]
    reports = HeldReports(backend.engine)
    await reports.hold(
        Report(
            notification_id=claim.id,
            tenant=TENANT,
            status=Status.FAILED,
            reported_by="ses",
            reported_at=backend.clock.now(),
            error=f"550 {CANARY} is over quota",
        )
    )
    await Erasure(backend.engine, backend.clock).erase(TENANT, USER)
    left = await backend.query("SELECT body FROM outbox WHERE kind = 'status_event'")
    assert [bytes(row["body"]) for row in left] == [bodies[1]]
    assert await reports.due(10) == []


async def test_a_callback_is_tried_for_a_minute_before_its_url_is_erased(backend: Backend) -> None:
    await _empty_callbacks(backend)
    pending = await backend.accepted(**THEIRS, callback_url=f"https://example.com/{CANARY}")
    erasure = Erasure(backend.engine, backend.clock)
    assert await erasure.erase(TENANT, USER) == 1
    [told] = await backend.query("SELECT url, status, reason_code FROM callbacks")
    assert (told["url"], told["status"]) == (f"https://example.com/{CANARY}", Status.CANCELLED)
    assert await backend.column(pending, "callback_url") is None
    await backend.clock.advance(timedelta(days=10_000).total_seconds() + TOLD_WITHIN.total_seconds())
    assert await erasure.erase(TENANT, USER) == 0
    assert CANARY not in await _kept_of(backend)


async def test_a_delivered_callback_is_erased_at_once(backend: Backend) -> None:
    await _empty_callbacks(backend)
    await backend.ended(Status.SENT, **THEIRS, callback_url=f"https://example.com/{CANARY}")
    await backend.query("UPDATE callbacks SET next_at = NULL, state = 'delivered'")
    assert await Erasure(backend.engine, backend.clock).erase(TENANT, USER) == 0
    assert CANARY not in await _kept_of(backend)


async def test_other_stores_receive_the_ids_to_erase(backend: Backend) -> None:
    told: list[UUID] = []

    async def forget(ids: Sequence[UUID]) -> None:
        told.extend(ids)

    mine = await backend.accepted(**THEIRS)
    await backend.accepted(**{**THEIRS, "user_id": str(uuid4())})
    await Erasure(backend.engine, backend.clock, elsewhere=(forget,)).erase(TENANT, USER)
    assert told == [mine]


async def test_a_file_keeps_nothing_in_its_free_space_nor_in_its_log(backend: Backend) -> None:
    if not backend.url.startswith("sqlite"):
        return
    await backend.ended(Status.SENT, **THEIRS)
    file = Path(backend.url.removeprefix("sqlite:///"))
    assert CANARY in _bytes_of(file)
    await Erasure(backend.engine, backend.clock).erase(TENANT, USER)
    assert CANARY not in _bytes_of(file)


def _bytes_of(file: Path) -> str:
    return "".join(part.read_bytes().decode("latin-1") for part in file.parent.glob(f"{file.name}*"))
