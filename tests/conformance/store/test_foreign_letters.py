"""Dead letters of foreign messages are bounded; those of notifications are not touched."""

from uuid import UUID, uuid4

from angarium.contracts.statuses import Channel
from angarium.notifications.letters import failed_message, foreign_letter
from angarium.notifications.model import NewDeadLetter, Reason
from angarium.notifications.store import foreign_letters
from angarium.notifications.store.foreign_letters import ForeignLetters
from tests.conformance.store.backends import TENANT, Backend

MALFORMED = Reason("malformed", "no JSON")


async def _foreign(backend: Backend, count: int) -> list[UUID]:
    ids = [UUID(int=(n << 80) + uuid4().int % (1 << 60)) for n in range(1, count + 1)]
    letters = [foreign_letter(b"x", MALFORMED, letter_id=id_, channel=Channel.EMAIL) for id_ in ids]
    messages = [failed_message(letter, backend.clock.now()) for letter in letters]
    await backend.store.bury(letters, messages)
    return ids


async def _listed(backend: Backend) -> set[UUID]:
    rows = await backend.query("SELECT id FROM dead_letters WHERE notification_id IS NULL")
    return {row["id"] if isinstance(row["id"], UUID) else UUID(row["id"]) for row in rows}


async def test_the_newest_stay(backend: Backend) -> None:
    own = NewDeadLetter(
        id=UUID(int=1), tenant=TENANT, channel=Channel.EMAIL, reason=MALFORMED, attempts=1, notification_id=uuid4()
    )
    await backend.store.bury([own], [])
    ids = await _foreign(backend, 7)
    trimmed = ForeignLetters(backend.engine, most=3)
    assert await trimmed.trim() == 4
    assert await trimmed.trim() == 0
    assert await _listed(backend) == set(ids[4:])
    assert await backend.reader.dead_letters.count() == 4
    assert await backend.reader.dead_letters.count(tenant="none") == 0
    [outbox] = await backend.query("SELECT count(*) AS found FROM outbox WHERE kind = 'dead_letter'")
    assert outbox["found"] <= 4


def test_many_fit_on_the_list() -> None:
    assert foreign_letters.MOST >= 10_000
