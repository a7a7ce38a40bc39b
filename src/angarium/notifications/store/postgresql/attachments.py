"""Attachments on PostgreSQL."""

from collections.abc import Sequence
from uuid import UUID

from angarium.notifications.store.postgresql.sql import Database

ATTACHMENTS = "SELECT content FROM attachments WHERE notification_id = $1 ORDER BY position"


async def attachments(db: Database, notification_id: UUID) -> Sequence[bytes]:
    """As `NotificationStore.attachments`."""
    return [row["content"] for row in await db.fetch(ATTACHMENTS, notification_id)]
