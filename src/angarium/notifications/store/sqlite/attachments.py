"""Attachments on SQLite."""

import sqlite3
from uuid import UUID

ATTACHMENTS = "SELECT content FROM attachments WHERE notification_id = ? ORDER BY position"


def attachments(connection: sqlite3.Connection, notification_id: UUID) -> list[bytes]:
    """As `NotificationStore.attachments`."""
    return [row["content"] for row in connection.execute(ATTACHMENTS, (notification_id.hex,))]
