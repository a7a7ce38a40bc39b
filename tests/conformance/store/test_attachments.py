"""Options are in the record, and what attachments hold is beside it: stored, moved and deleted with it."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from angarium.contracts.statuses import Channel, Status
from angarium.notifications.options import AttachmentInfo, EmailOptions, Options
from angarium.notifications.store.erasure import Erasure
from angarium.notifications.store.retention import Retention, Task
from tests.conformance.store.backends import TENANT, Backend, notification, result

FILES = (b"\x00\xff" * 1000, b"")
OPTIONS = (
    '{"email":{"cc":["a@example.com"]},"attachments":['
    '{"filename":"canary é.pdf","content_type":"application/pdf","size":2000},'
    '{"filename":"b","content_type":"a/b","size":0,"content_id":"logo"}]}'
)
LATER = datetime(2100, 1, 1, tzinfo=UTC)
THEIRS: dict[str, Any] = {"options": OPTIONS, "files": FILES}


async def _stored(backend: Backend, *ids: UUID) -> list[int]:
    """How many files each of these has."""
    return [len(await backend.store.attachments(id_)) for id_ in ids]


async def test_a_claim_has_the_options_and_the_store_the_files_in_order(backend: Backend) -> None:
    claim, plain = await backend.claimed(**THEIRS), await backend.claimed()
    assert claim.options == Options(
        email=EmailOptions(cc=("a@example.com",)),
        attachments=(
            AttachmentInfo("canary é.pdf", "application/pdf", 2000),
            AttachmentInfo("b", "a/b", 0, "logo"),
        ),
    )
    assert (plain.options, await backend.store.attachments(plain.id)) == (Options(), [])
    assert await backend.store.attachments(claim.id) == list(FILES)
    view = await backend.reader.get(TENANT, claim.id)
    assert view is not None
    assert (view.email, view.push) == ({"cc": ["a@example.com"]}, None)
    assert [(one.filename, one.size) for one in view.attachments] == [("canary é.pdf", 2000), ("b", 0)]


async def test_a_repeated_request_stores_no_second_copy(backend: Backend) -> None:
    """Nor does a batch in which others have none."""
    first = notification(request_id="r", **THEIRS)
    again = notification(request_id="r", **THEIRS)
    other = notification(**THEIRS)
    for batch in ([first, notification(), again], [again, other]):
        await backend.store.accept(batch, outbox_lease=timedelta(0))
    assert await _stored(backend, first.id, again.id, other.id) == [2, 0, 2]


async def test_a_fallback_takes_the_attachments_over(backend: Backend) -> None:
    first = await backend.claimed(channel=Channel.PUSH, fallback=(Channel.SMS, Channel.EMAIL), **THEIRS)
    claim = first
    for _ in range(2):
        assert await backend.store.record([result(claim, Status.FAILED)]) == [True]
        [claim] = await backend.claim(*await backend.queued())
    assert (claim.channel, claim.options) == (Channel.EMAIL, first.options)
    assert await backend.store.attachments(claim.id) == list(FILES)
    assert await _stored(backend, first.id) == [0]
    view = await backend.reader.get(TENANT, first.id)
    assert view is not None
    assert len(view.attachments) == 2, "names and sizes are still shown"


async def test_they_go_with_an_erased_user(backend: Backend) -> None:
    user = uuid4()
    mine = await backend.ended(Status.SENT, user_id=str(user), **THEIRS)
    other = await backend.accepted(**THEIRS)
    await Erasure(backend.engine, backend.clock).erase(TENANT, user)
    assert await _stored(backend, mine, other) == [0, 2]
    assert await backend.column(mine, "options") is None


async def test_they_go_with_redaction_and_deletion_by_age(backend: Backend) -> None:
    for task in (Task.REDACT, Task.PRUNE):
        old: UUID = await backend.ended(Status.SENT, **THEIRS)
        _ = [step async for step in Retention(backend.engine, backend.clock).run(task, LATER)]
        assert await _stored(backend, old) == [0]
        view = await backend.reader.get(TENANT, old)
        assert (view is None) == (task is Task.PRUNE)
        assert view is None or (view.email, view.attachments) == (None, [])
