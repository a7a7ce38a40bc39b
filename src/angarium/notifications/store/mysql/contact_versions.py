"""Contact versions on MariaDB and MySQL."""

from collections.abc import Collection, Mapping
from uuid import UUID

from angarium.notifications.store.mysql.sql import Database, as_rows, id_list, rows_of
from angarium.notifications.store.record import Kind

_VERSIONS: Mapping[str, Kind] = {"user_id": Kind.ID, "version": Kind.INTEGER}

RAISE_CONTACT_VERSIONS = f"""
INSERT INTO contact_versions (tenant, user_id, version)
SELECT %s, r.user_id, r.version FROM {rows_of(_VERSIONS)}
ON DUPLICATE KEY UPDATE version = GREATEST(contact_versions.version, r.version)
"""  # noqa: S608 - a constant
"""Uses ids in ascending order, so that concurrent statements lock rows in the same order."""

CONTACT_VERSIONS = "SELECT user_id, version FROM contact_versions WHERE user_id IN %s"


async def raise_contact_versions(db: Database, tenant: str, versions: Mapping[UUID, int]) -> None:
    """As `NotificationStore.raise_contact_versions`."""
    rows = [{"user_id": user_id, "version": version} for user_id, version in sorted(versions.items())]
    if rows:
        await db.run(RAISE_CONTACT_VERSIONS, tenant, as_rows(_VERSIONS, rows))


async def contact_versions(db: Database, user_ids: Collection[UUID]) -> Mapping[UUID, int]:
    """As `NotificationStore.contact_versions`."""
    if not user_ids:
        return {}
    return {UUID(row["user_id"]): row["version"] for row in await db.fetch(CONTACT_VERSIONS, id_list(user_ids))}
