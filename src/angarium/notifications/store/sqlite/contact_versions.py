"""Contact versions on SQLite."""

import sqlite3
from collections.abc import Collection, Mapping
from uuid import UUID

from angarium.notifications.store.sqlite.sql import AMONG, id_list

RAISE_CONTACT_VERSIONS = """
INSERT INTO contact_versions (tenant, user_id, version) VALUES (?, ?, ?)
ON CONFLICT (user_id) DO UPDATE SET version = excluded.version WHERE version < excluded.version
"""
CONTACT_VERSIONS = f"SELECT user_id, version FROM contact_versions WHERE user_id {AMONG}"  # noqa: S608 - a constant


def raise_contact_versions(connection: sqlite3.Connection, tenant: str, versions: Mapping[UUID, int]) -> None:
    """As `NotificationStore.raise_contact_versions`."""
    connection.executemany(
        RAISE_CONTACT_VERSIONS, [(tenant, user_id.hex, version) for user_id, version in versions.items()]
    )


def contact_versions(connection: sqlite3.Connection, user_ids: Collection[UUID]) -> dict[UUID, int]:
    """As `NotificationStore.contact_versions`."""
    rows = connection.execute(CONTACT_VERSIONS, {"ids": id_list(user_ids)})
    return {UUID(hex=row["user_id"]): row["version"] for row in rows}
