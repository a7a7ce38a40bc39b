"""What programs and people do with the mailbox."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from angarium.contracts.attachments import AttachmentView
from angarium.contracts.errors import NotFound
from angarium.contracts.mailbox import CaughtMessage, MailboxMessage
from angarium.contracts.statuses import Channel
from angarium.services.gateway.mailbox.rows import MailboxFilter
from angarium.services.gateway.mailbox.source import built, file_in
from angarium.services.gateway.mailbox.store import MailboxStore

StoredFiles = Callable[[UUID], Awaitable[Sequence[bytes]]]
"""What the attachments of a notification hold, in order; none once they were erased."""


@dataclass(frozen=True, slots=True)
class CaughtFile:
    """A file that a mail carries."""

    info: AttachmentView
    content: bytes


class Mailbox:
    """The caught messages. Methods that name one raise NotFound; all raise DatabaseUnavailable.

    A mail that came by SMTP has its own source. For one that a worker handed in, a source is made of its parts, and its
    files are those of its notification (`stored_files`).
    """

    def __init__(self, store: MailboxStore, stored_files: StoredFiles) -> None:
        self._store = store
        self._stored_files = stored_files

    async def find(self, which: MailboxFilter, *, limit: int, offset: int = 0) -> tuple[Sequence[MailboxMessage], int]:
        """Newest first, `limit` after the first `offset`; and how many there are in all."""
        return await self._store.find(which, limit=limit, offset=offset)

    async def get(self, which: MailboxFilter) -> MailboxMessage:
        """One message."""
        message = await self._store.get(which)
        if message is None:
            raise NotFound
        return message

    async def add(self, tenant: str, messages: Sequence[CaughtMessage]) -> None:
        """Keep messages that a worker hands in."""
        await self._store.add(tenant, messages)

    async def remove(self, which: MailboxFilter) -> int:
        """Remove one message; 1."""
        removed = await self._store.clear(which)
        if not removed:
            raise NotFound
        return removed

    async def clear(self, which: MailboxFilter) -> int:
        """Remove all that fit; how many there were."""
        return await self._store.clear(which)

    async def source(self, which: MailboxFilter) -> bytes:
        """The source of a mail (RFC 5322). Other messages have none: NotFound."""
        message = await self.get(which)
        if message.channel is not Channel.EMAIL:
            raise NotFound("Only a mail has a source")
        raw = await self._store.source(message.id)
        if raw is not None:
            return raw
        return await asyncio.to_thread(built, message, await self._files(message))

    async def file(self, which: MailboxFilter, index: int) -> CaughtFile:
        """The attachment `index` of a message, counted from 0."""
        message = await self.get(which)
        if index >= len(message.attachments):
            raise NotFound("The message has no attachment of that number")
        content = await self._content(message, index)
        if content is None:
            raise NotFound("What the attachment holds is not stored any more")
        return CaughtFile(message.attachments[index], content)

    async def pictures(self, message: MailboxMessage) -> Sequence[CaughtFile]:
        """The images that the HTML of a mail shows by `cid:`; those that are gone are left out."""
        found = []
        for index, info in enumerate(message.attachments):
            if info.content_id and info.content_type.lower().startswith("image/"):
                content = await self._content(message, index)
                found += [CaughtFile(info, content)] if content is not None else []
        return found

    async def _content(self, message: MailboxMessage, index: int) -> bytes | None:
        raw = await self._store.source(message.id)
        if raw is not None:
            return await asyncio.to_thread(file_in, raw, index)
        files = await self._files(message)
        return files[index] if index < len(files) else None

    async def _files(self, message: MailboxMessage) -> Sequence[bytes]:
        if message.notification_id is None or not message.attachments:
            return ()
        return await self._stored_files(message.notification_id)
