"""Contact versions on PostgreSQL."""

from collections.abc import Collection, Mapping
from uuid import UUID

from angarium.notifications.store.postgresql.sql import Database

RAISE_CONTACT_VERSIONS = """
INSERT INTO contact_versions AS known (tenant, user_id, version)
SELECT $1::text, * FROM unnest($2::uuid[], $3::integer[])
ON CONFLICT (user_id) DO UPDATE SET version = excluded.version WHERE known.version < excluded.version
"""
"""Uses ids in ascending order, so that concurrent statements lock rows in the same order."""

CONTACT_VERSIONS = "SELECT user_id, version FROM contact_versions WHERE user_id = ANY($1::uuid[])"


async def raise_contact_versions(db: Database, tenant: str, versions: Mapping[UUID, int]) -> None:
    """As `NotificationStore.raise_contact_versions`."""
    if versions:
        await db.fetch(RAISE_CONTACT_VERSIONS, tenant, *zip(*sorted(versions.items()), strict=True))


async def contact_versions(db: Database, user_ids: Collection[UUID]) -> Mapping[UUID, int]:
    """As `NotificationStore.contact_versions`."""
    if not user_ids:
        return {}
    return {row["user_id"]: row["version"] for row in await db.fetch(CONTACT_VERSIONS, list(user_ids))}
