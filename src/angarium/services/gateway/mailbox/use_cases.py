"""Use cases of the mailbox: find, read, add, delete messages; read sources and attachments."""

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
"""Returns the contents of a notification's attachments, in order; empty after they were erased."""


@dataclass(frozen=True, slots=True)
class CaughtFile:
    """An attachment with its content."""

    info: AttachmentView
    content: bytes


class Mailbox:
    """The messages of the mailbox. Methods raise DatabaseUnavailable; those for a single message also NotFound.

    Email received by SMTP is stored with its source. For email from a worker, a source is built from the stored
    message, and the attachments are read from its notification (`stored_files`).
    """

    def __init__(self, store: MailboxStore, stored_files: StoredFiles) -> None:
        self._store = store
        self._stored_files = stored_files

    async def find(self, which: MailboxFilter, *, limit: int, offset: int = 0) -> tuple[Sequence[MailboxMessage], int]:
        """A page of the matching messages, newest first, and their total number."""
        return await self._store.find(which, limit=limit, offset=offset)

    async def get(self, which: MailboxFilter) -> MailboxMessage:
        """The newest matching message."""
        message = await self._store.get(which)
        if message is None:
            raise NotFound
        return message

    async def add(self, tenant: str, messages: Sequence[CaughtMessage]) -> None:
        """Store messages from a worker."""
        await self._store.add(tenant, messages)

    async def remove(self, which: MailboxFilter) -> int:
        """Delete the matching message and return 1."""
        removed = await self._store.clear(which)
        if not removed:
            raise NotFound
        return removed

    async def clear(self, which: MailboxFilter) -> int:
        """Delete all matching messages and return their number."""
        return await self._store.clear(which)

    async def source(self, which: MailboxFilter) -> bytes:
        """The source of an email (RFC 5322). Raises NotFound for messages of other channels."""
        message = await self.get(which)
        if message.channel is not Channel.EMAIL:
            raise NotFound("Only email has a source")
        raw = await self._store.source(message.id)
        if raw is not None:
            return raw
        return await asyncio.to_thread(built, message, await self._files(message))

    async def file(self, which: MailboxFilter, index: int) -> CaughtFile:
        """The attachment `index` of a message, counted from 0."""
        message = await self.get(which)
        if index >= len(message.attachments):
            raise NotFound("The message has no attachment with this number")
        content = await self._content(message, index)
        if content is None:
            raise NotFound("The content of the attachment is no longer stored")
        return CaughtFile(message.attachments[index], content)

    async def pictures(self, message: MailboxMessage) -> Sequence[CaughtFile]:
        """The images that the HTML of an email includes by `cid:`. Images that are no longer stored are left out."""
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
