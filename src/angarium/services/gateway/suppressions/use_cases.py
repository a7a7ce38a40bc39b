"""Use cases of the suppression list: list, add, remove, import, export."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

from angarium.contracts.errors import NotFound, ValidationFailed
from angarium.contracts.statuses import Channel
from angarium.contracts.suppressions import (
    SuppressionCreate,
    SuppressionImport,
    SuppressionReason,
    not_an_address,
    suppressible_address,
)
from angarium.notifications.store.paging import Found, Paging
from angarium.notifications.suppressions.model import NewSuppression, Suppression, SuppressionFilter, Target
from angarium.notifications.suppressions.store import SuppressionStore
from angarium.services.gateway.audit.log import AuditLog
from angarium.services.gateway.audit.store import Actor
from angarium.services.gateway.suppressions.file import read_file


class Suppressions:
    """Manages a tenant's list. Methods raise DatabaseUnavailable.

    Audit entries refer to suppressions by id and never contain addresses.
    """

    def __init__(self, store: SuppressionStore, audit: AuditLog) -> None:
        self._store = store
        self._audit = audit

    async def page(self, tenant: str, wanted: SuppressionFilter, paging: Paging) -> Found[Suppression]:
        """Entries of the tenant, newest first. Raises ValidationFailed for an invalid cursor."""
        return await self._store.page(tenant, wanted, paging)

    def all(self, tenant: str, wanted: SuppressionFilter) -> AsyncIterator[Suppression]:
        """Every matching entry of the tenant, sorted by id."""
        return self._store.all(tenant, wanted)

    async def add(self, actor: Actor, body: SuppressionCreate) -> Suppression:
        """Add an entry, or update the one with this channel, address and reason. In effect when it returns."""
        entry = await self._store.add(_new(actor.caller.tenant, body))
        await self._audit.record(actor, "suppression.added", entry.id)
        return entry

    async def remove(self, actor: Actor, suppression_id: UUID) -> None:
        """Remove an entry of the actor's tenant. Other entries of its address are kept. Raises NotFound."""
        if await self._store.remove(actor.caller.tenant, suppression_id) is None:
            raise NotFound("Suppression not found")
        await self._audit.record(actor, "suppression.removed", suppression_id)

    async def import_file(self, actor: Actor, content_type: str, body: bytes) -> SuppressionImport:
        """Add the valid entries of a file and report its invalid lines. Raises the errors of `read_file`."""
        read = await asyncio.to_thread(read_file, content_type, body)
        added = await self._store.add_many([_new(actor.caller.tenant, entry) for entry in read.entries])
        await self._audit.record(actor, "suppression.imported", f"{added.new} new, {added.changed} changed")
        return SuppressionImport(added=added.new, changed=added.changed, refused=read.refused, faults=list(read.faults))


def filter_of(channel: Channel | None, address: str | None, reason: SuppressionReason | None) -> SuppressionFilter:
    """The filter of a list, with its address normalised as in stored entries. Raises ValidationFailed."""
    if address is not None:
        kind = channel or (Channel.EMAIL if "@" in address else Channel.SMS)
        try:
            address = suppressible_address(kind, address)
        except ValueError:
            raise ValidationFailed.of("address", not_an_address(kind)) from None
    return SuppressionFilter(channel=channel, address=address, reason=reason)


def _new(tenant: str, body: SuppressionCreate) -> NewSuppression:
    return NewSuppression(
        target=Target(tenant, body.channel, body.address),
        reason=body.reason,
        source=body.source,
        expires_at=body.expires_at,
    )
