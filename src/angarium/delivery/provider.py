"""The port to a provider: one small interface for every channel, so that a new provider is one file."""

from collections.abc import Mapping
from typing import Any, Protocol
from uuid import UUID

import msgspec

from angarium.contracts.errors import AngariumError
from angarium.contracts.statuses import Channel
from angarium.contracts.users import Platform
from angarium.delivery.outcome import Outcome
from angarium.rendering.content import Content


class Address(msgspec.Struct, frozen=True):
    """Where to: an email address, an E.164 number, or a push token (with its device's platform and id).

    `name` is the person's, for a mail's `To`. Already checked for shape.
    """

    value: str
    name: str | None = None
    platform: Platform | None = None
    device_id: UUID | None = None
    subscription: Mapping[str, Any] | None = None


class Outbound(msgspec.Struct, frozen=True, kw_only=True):
    """One message for one address. `message_key` is the same on every attempt: Message-ID, idempotency key."""

    notification_id: UUID
    tenant: str
    channel: Channel
    attempt: int
    message_key: str
    address: Address
    content: Content
    correlation_id: str = ""
    headers: Mapping[str, str] = msgspec.field(default_factory=dict)


class InvalidAddress(AngariumError):
    """The address cannot be right; the message says why and never repeats it."""


class Provider(Protocol):
    """One configured way out of the house."""

    @property
    def name(self) -> str:
        """The technology, as shown in the timeline and in metrics: `smtp`, `mailbox`, `twilio`, …"""
        ...

    async def send(self, message: Outbound) -> Outcome:
        """Try once. Safe to call concurrently. Never raises but CancelledError: whatever happens is an outcome.

        Bounded in time as a whole, not per read. Cancelled before the request went out, nothing was sent.
        """
        ...

    async def ready(self) -> bool:
        """Whether it could be used now, as far as is known without a request."""
        ...

    async def close(self) -> None:
        """Release every connection; idempotent."""
        ...
