"""An SMTP server for development, which stores every email in the mailbox. Listens on 127.0.0.1."""

import asyncio
import errno
from collections.abc import Sequence
from email.message import EmailMessage
from uuid import UUID

from aiosmtpd.smtp import SMTP, Envelope, Session

from angarium.contracts.attachments import AttachmentView
from angarium.contracts.errors import Transient
from angarium.contracts.mailbox import CaughtMessage
from angarium.contracts.statuses import Channel
from angarium.platform.telemetry.logging import Logger
from angarium.services.gateway.mailbox.source import content_of, file_parts, parsed
from angarium.services.gateway.mailbox.store import MailboxStore

TENANT = "default"
"""The tenant that owns all received email: SMTP does not transmit one."""
SIZE_LIMIT = 32 * 1024 * 1024
MOST_RECIPIENTS = 100
MOST_STORED = 64 * 1024 * 1024
"""Bytes of one email times the number of its recipients."""
MOST_PARTS = 100
"""Multipart bodies of one email. The time to parse nested ones grows quadratically."""


class SmtpCatcher:
    """An SMTP server in the running event loop. After `start`, `port` is the port it listens on."""

    def __init__(self, store: MailboxStore, *, port: int, logger: Logger, host: str = "127.0.0.1") -> None:
        self.port = port
        self._host = host
        self._logger = logger
        self._handler = _Handler(store)
        self._connections: set[_Connection] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen on the configured port, or on a free one if it is taken or not permitted. Logs the port."""
        try:
            self._server = await self._listen(self.port)
        except OSError as error:
            if error.errno not in {errno.EADDRINUSE, errno.EACCES}:
                raise
            self._server = await self._listen(0)
            self._logger.warning("mailbox.port_taken", wanted=self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        self._logger.info("mailbox.listening", host=self._host, port=self.port)

    async def close(self) -> None:
        """Stop listening and close every connection. Idempotent."""
        server, self._server = self._server, None
        if server is None:
            return
        server.close()
        await asyncio.gather(*(connection.end() for connection in list(self._connections)))
        await server.wait_closed()

    async def _listen(self, port: int) -> asyncio.Server:
        loop = asyncio.get_running_loop()
        return await loop.create_server(lambda: _Connection(self._handler, self._connections, loop), self._host, port)


class _Connection(SMTP):
    """aiosmtpd's protocol, which adds itself to `connections` while it is open, so that `close` can end it."""

    def __init__(self, handler: "_Handler", connections: "set[_Connection]", loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(
            handler,
            hostname="angarium",
            ident="Angarium mailbox",
            enable_SMTPUTF8=True,
            data_size_limit=SIZE_LIMIT,
            loop=loop,
        )
        self._connections = connections

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._connections.add(self)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._connections.discard(self)
        super().connection_lost(error)

    async def end(self) -> None:
        """Close the connection and wait for its task."""
        task: asyncio.Task[None] | None = self._handler_coroutine
        if self.transport is not None:
            self.transport.close()
        if task is not None:
            task.cancel()
            await asyncio.wait([task])


class _Handler:
    """The callbacks of aiosmtpd for a recipient (RCPT) and for a complete email (DATA)."""

    def __init__(self, store: MailboxStore) -> None:
        self._store = store

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name and signature
        self,
        server: SMTP,  # noqa: ARG002
        session: Session,  # noqa: ARG002
        envelope: Envelope,
        address: str,
        rcpt_options: list[str],
    ) -> str:
        if len(envelope.rcpt_tos) >= MOST_RECIPIENTS:
            return "452 4.5.3 too many recipients"
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(rcpt_options)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802, ARG002 - aiosmtpd's name and signature
        raw = envelope.content if isinstance(envelope.content, bytes) else b""
        if len(raw) * len(envelope.rcpt_tos) > MOST_STORED:
            return "552 5.3.4 the message is too large for this number of recipients"
        if raw.lower().count(b"multipart/") > MOST_PARTS:
            return "554 5.6.0 the message has too many parts"
        try:
            found = await asyncio.to_thread(caught, raw, envelope.mail_from or "", envelope.rcpt_tos)
            await self._store.add(TENANT, found, source=raw)
        except Transient:
            return "451 4.3.0 the mailbox is temporarily not writable"
        return "250 2.0.0 caught"


def caught(raw: bytes, sender: str, recipients: Sequence[str]) -> Sequence[CaughtMessage]:
    """Parse an email into one mailbox message for each recipient of its envelope. CPU-bound."""
    mail = parsed(raw)
    headers = {name: _clean(str(value)) for name, value in mail.items()}
    text, html = _body(mail, "plain"), _body(mail, "html")
    attachments = [_attachment(part) for part in file_parts(mail)]
    return [
        CaughtMessage(
            channel=Channel.EMAIL,
            to=_clean(recipient),
            sender=headers.get("From", _clean(sender)),
            subject=headers.get("Subject"),
            text=text,
            html=html,
            headers=headers,
            notification_id=_uuid(headers.get("X-Notification-ID", "")),
            attachments=attachments,
        )
        for recipient in recipients
    ]


def _attachment(part: EmailMessage) -> AttachmentView:
    content_id = str(part.get("Content-ID", "")).strip("<> ")
    return AttachmentView(
        filename=_clean(part.get_filename() or ""),
        content_type=part.get_content_type(),
        size=len(content_of(part)),
        content_id=_clean(content_id) or None,
    )


def _body(mail: EmailMessage, kind: str) -> str | None:
    part = mail.get_body(preferencelist=(kind,))
    if part is None:
        return None
    data = part.get_payload(decode=True)
    if not isinstance(data, bytes):
        return None
    try:
        return data.decode(part.get_content_charset("utf-8"), "replace").replace("\r\n", "\n")
    except LookupError:
        return data.decode("utf-8", "replace").replace("\r\n", "\n")


def _clean(text: str) -> str:
    """Replace lone surrogates, which represent undecodable bytes: JSON and SQLite reject them."""
    return text.encode("utf-8", "replace").decode()


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text.strip())
    except ValueError:
        return None
