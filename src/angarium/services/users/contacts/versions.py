"""Reports the version that each user has reached to the gateway, before a change is answered."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from http import HTTPStatus
from uuid import UUID

import msgspec

from angarium.contracts.errors import Transient
from angarium.contracts.users import ContactVersions
from angarium.platform.batching import GroupCommit
from angarium.platform.http.client.client import ServiceClient
from angarium.platform.telemetry.logging import Logger

PATH = "/internal/v1/contact-versions"
BATCH = 500
PATIENCE = 1.0
"""Timeout of one call in seconds. The client whose change waits for it times out after 2 s."""


Reached = tuple[str, UUID, int]
"""Tenant, user, version."""


class ReachedVersions:
    """Reports users' versions to the gateway, which stores them with the notifications.

    A worker that cannot reach this service compares cached copies with them. Concurrent changes share a call. Versions
    that the gateway did not accept are kept in this process; `retry` reports them again.
    """

    def __init__(self, gateway: ServiceClient, logger: Logger) -> None:
        self._gateway = gateway
        self._logger = logger
        self._untold: dict[UUID, Reached] = {}
        self._calls: GroupCommit[Reached, bool] = GroupCommit(self._tell_batch, limit=BATCH)

    @property
    def untold(self) -> Sequence[Reached]:
        """Versions that the gateway has not accepted yet."""
        return list(self._untold.values())

    async def tell(self, reached: Sequence[Reached]) -> bool:
        """Report versions; return whether the gateway has stored all of them durably. Raises only CancelledError."""
        return all(await self._calls.submit_many(reached))

    async def retry(self) -> None:
        """Report pending versions again."""
        await self.tell(self.untold)

    async def _tell_batch(self, batch: Sequence[Reached]) -> Sequence[bool]:
        by_tenant: dict[str, dict[UUID, int]] = defaultdict(dict)
        for tenant, user_id, version in batch:
            versions = by_tenant[tenant]
            versions[user_id] = max(version, versions.get(user_id, 0))
        told = dict.fromkeys(by_tenant, False)
        for tenant, versions in by_tenant.items():
            told[tenant] = await self._post(tenant, versions)
            if not told[tenant]:
                break  # the next call would wait as long
        for entry in batch:
            self._note(entry, told=told[entry[0]])
        return [told[tenant] for tenant, _, _ in batch]

    def _note(self, entry: Reached, *, told: bool) -> None:
        _, user_id, version = entry
        known = self._untold.get(user_id)
        if known is not None and known[2] > version:
            return
        if told and known is not None:
            del self._untold[user_id]
            self._logger.info("contact_versions.told_late", user_id=str(user_id))
        elif not told:
            self._untold[user_id] = entry

    async def _post(self, tenant: str, versions: dict[UUID, int]) -> bool:
        body = msgspec.json.encode(ContactVersions(versions))
        try:
            async with asyncio.timeout(PATIENCE):
                answer = await self._gateway.post(PATH, tenant=tenant, content=body)
        except (Transient, TimeoutError) as error:
            self._logger.warning("contact_versions.untold", count=len(versions), error=type(error).__name__)
            return False
        if answer.status_code != HTTPStatus.OK:
            self._logger.error("contact_versions.refused", count=len(versions), status=answer.status_code)
        return answer.status_code == HTTPStatus.OK
