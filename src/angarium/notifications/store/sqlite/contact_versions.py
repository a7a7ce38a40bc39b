"""The versions that users have reached, on SQLite."""

import sqlite3
from collections.abc import Collection, Mapping
from uuid import UUID

from angarium.notifications.store.sqlite.sql import AMONG, ids

_RAISE = """
INSERT INTO contact_versions (tenant, user_id, version) VALUES (?, ?, ?)
ON CONFLICT (user_id) DO UPDATE SET version = excluded.version WHERE version < excluded.version
"""
_FIND = f"SELECT user_id, version FROM contact_versions WHERE user_id {AMONG}"  # noqa: S608 - a constant


def raise_versions(connection: sqlite3.Connection, tenant: str, versions: Mapping[UUID, int]) -> None:
    """Remember higher versions; ignore lower ones."""
    connection.executemany(_RAISE, [(tenant, user_id.hex, version) for user_id, version in versions.items()])


def find_versions(connection: sqlite3.Connection, user_ids: Collection[UUID]) -> dict[UUID, int]:
    """The known version of each user."""
    rows = connection.execute(_FIND, {"ids": ids(user_ids)})
    return {UUID(hex=row["user_id"]): row["version"] for row in rows}
