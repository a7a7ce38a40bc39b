"""Queries of the record for receipts: finding notifications, and events that change no status.

Not a hot path: SQLAlchemy Core, the same for every database.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, literal, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from angarium.contracts.fields import rfc3339
from angarium.contracts.statuses import Channel, Status
from angarium.notifications.model import Event
from angarium.notifications.receipt import Receipt
from angarium.notifications.store.schema import notifications
from angarium.platform.clock import Clock
from angarium.platform.database.engine import querying
from angarium.platform.database.moments import database_moment
from angarium.platform.database.types import UtcDateTime

_mine = notifications.c
_INDEXED = text("substr(provider_message_id, 1, 1) <> '<'")
"""The partial index's condition, without which it is not used."""


@dataclass(frozen=True, slots=True)
class About:
    """The notification of a receipt. `user_id`: the stored user it was sent to, if any.

    `copies`: the addresses of a mail's cc and bcc, in lower case.
    """

    id: UUID
    tenant: str
    channel: Channel
    status: Status
    user_id: UUID | None
    category: str | None
    provider: str | None
    provider_message_id: str | None
    copies: frozenset[str] = frozenset()


async def find_notifications(engine: AsyncEngine, about: Sequence[Receipt]) -> Mapping[str, About]:
    """The notification of each receipt, by the receipt's key; those without one are omitted.

    Our own reference takes precedence. A provider's id shared by two notifications matches neither.
    Raises DatabaseUnavailable.
    """
    ids = {receipt.notification_id for receipt in about if receipt.notification_id is not None}
    by_id = {found.id: found for found in await _find(engine, _mine.id.in_(ids))} if ids else {}
    named = {receipt.key: by_id[receipt.notification_id] for receipt in about if receipt.notification_id in by_id}
    by_name = await _by_provider(engine, [receipt for receipt in about if receipt.key not in named])
    return {**by_name, **named}


async def _by_provider(engine: AsyncEngine, about: Sequence[Receipt]) -> Mapping[str, About]:
    names = {receipt.provider_message_id for receipt in about if receipt.provider_message_id}
    if not names:
        return {}
    found: dict[tuple[str | None, str | None], list[About]] = {}
    for one in await _find(engine, _mine.provider_message_id.in_(names), _INDEXED):
        found.setdefault((one.provider, one.provider_message_id), []).append(one)
    alone = {name: ones[0] for name, ones in found.items() if len(ones) == 1}
    keys = ((receipt, (receipt.provider, receipt.provider_message_id)) for receipt in about)
    return {receipt.key: alone[key] for receipt, key in keys if key in alone}


async def _find(engine: AsyncEngine, *conditions: ColumnElement[bool] | Any) -> Iterable[About]:
    query = select(
        _mine.id,
        _mine.tenant,
        _mine.channel,
        _mine.status,
        _mine.user_id,
        _mine.recipient.is_(None).label("stored"),
        _mine.category,
        _mine.provider,
        _mine.provider_message_id,
        _mine.options,
    ).where(*conditions)
    async with querying(engine) as connection:
        rows = (await connection.execute(query)).all()
    return [
        About(
            row.id,
            row.tenant,
            Channel(row.channel),
            Status(row.status),
            _stored_user(row.user_id) if row.stored else None,
            row.category,
            row.provider,
            row.provider_message_id,
            _copies(row.options),
        )
        for row in rows
    ]


def _copies(options: Mapping[str, Any] | None) -> frozenset[str]:
    email = (options or {}).get("email") or {}
    return frozenset(address.lower() for name in ("cc", "bcc") for address in email.get(name, ()))


def _stored_user(user_id: str | None) -> UUID | None:
    """The id of a stored user; other systems may use any text."""
    try:
        return None if user_id is None else UUID(user_id)
    except ValueError:
        return None


async def append_event(connection: AsyncConnection, clock: Clock, notification_id: UUID, event: Event) -> None:
    """Add an event that changes no status, within the caller's transaction."""
    this = _mine.id == notification_id
    events = await connection.scalar(select(_mine.events).where(this).with_for_update())
    if events is None:
        return
    line = {"event": event.event, "at": rfc3339(event.at.astimezone(UTC)), **event.data}
    # The same clock as for other changes; redaction by age examines rows again that were changed after it.
    dialect = connection.dialect.name
    now = literal(clock.now(), UtcDateTime()) if dialect == "sqlite" else database_moment(dialect)
    changed = {"events": [*events, line], "updated_at": now}
    await connection.execute(update(notifications).where(this).values(changed))
