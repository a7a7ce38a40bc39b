"""Attachments on MariaDB and MySQL."""

from base64 import b64encode
from collections.abc import Sequence
from uuid import UUID

from angarium.notifications.model import NewNotification
from angarium.notifications.store.arguments import attachment_rows
from angarium.notifications.store.mysql.sql import Database
from angarium.platform.database.mysql_pool import Session

ATTACHMENTS = "SELECT content FROM attachments WHERE notification_id = %s ORDER BY position"
INSERT = "INSERT INTO attachments (notification_id, position, content) VALUES (%s, %s, FROM_BASE64(%s))"
"""Uses base64, since the driver escapes bytes: 10 MB of zeros would become 20 MB, and MariaDB's `max_allowed_packet` is
16 MB."""
MOVE = "UPDATE attachments SET notification_id = %s WHERE notification_id = %s"


async def attachments(db: Database, notification_id: UUID) -> Sequence[bytes]:
    """As `NotificationStore.attachments`."""
    return [row["content"] for row in await db.fetch(ATTACHMENTS, notification_id.hex)]


async def attach(session: Session, new: Sequence[NewNotification]) -> None:
    """Write the attachments of newly inserted notifications."""
    for identifier, place, content in attachment_rows(new):
        await session.run(INSERT, identifier.hex, place, b64encode(content).decode())


async def hand_on(session: Session, before: str, following: str) -> None:
    """Move a notification's attachments to its fallback; both ids in hexadecimal digits."""
    await session.run(MOVE, following, before)
