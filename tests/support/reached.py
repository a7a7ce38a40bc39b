"""The contact versions of users, controlled by a test."""

from collections.abc import Collection, Mapping
from uuid import UUID

from angarium.contracts.errors import Transient


class Reached:
    """Implements `directory.port.ContactVersions`: only the users in `versions` have changed."""

    def __init__(self) -> None:
        self.versions: dict[UUID, int] = {}
        self.away = False
        self.asked = 0

    async def contact_versions(self, user_ids: Collection[UUID]) -> Mapping[UUID, int]:
        self.asked += 1
        if self.away:
            raise Transient
        return {user_id: self.versions[user_id] for user_id in user_ids if user_id in self.versions}
