"""The port to a provider: one small interface for every channel, so that a new provider is one file."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Protocol, Self, runtime_checkable
from uuid import UUID

import msgspec

from angarium.contracts.errors import AngariumError
from angarium.contracts.statuses import Channel
from angarium.contracts.users import Platform
from angarium.delivery.outcome import Outcome
from angarium.notifications.options import NO_OPTIONS, File, Options
from angarium.rendering.content import Content


class Address(msgspec.Struct, frozen=True):
    """Where to: an email address, an E.164 number, a URL, or a push token (with its device's platform and id).

    `name` is the person's, for a mail's `To`. Already checked for shape.
    """

    value: str
    name: str | None = None
    platform: Platform | None = None
    device_id: UUID | None = None
    subscription: Mapping[str, Any] | None = None


class Outbound(msgspec.Struct, frozen=True, kw_only=True):
    """One message for one address. `message_key` is the same on every attempt: Message-ID, idempotency key.

    `metadata` is the JSON that the notification's sender gave. `options` are the channel's own; `files` are a mail's
    attachments with their contents. After `expires_at` (aware) it must not be shown any
    more, as far as the provider can hold to that.
    """

    notification_id: UUID
    tenant: str
    channel: Channel
    attempt: int
    message_key: str
    address: Address
    content: Content
    correlation_id: str = ""
    headers: Mapping[str, str] = msgspec.field(default_factory=dict)
    template_code: str = ""
    variables: Mapping[str, Any] = msgspec.field(default_factory=dict)
    metadata: str = "{}"
    expires_at: datetime | None = None
    options: Options = NO_OPTIONS
    files: tuple[File, ...] = ()


class InvalidAddress(AngariumError):
    """The address cannot be right; the message says why and never repeats it."""


class NoPermit(AngariumError):
    """The provider is closed"""


class Busy(NoPermit):
    """What the message leads to has enough to do; nothing was sent, and it is no attempt"""

    def __init__(self, wait: timedelta) -> None:
        self.wait = wait
        super().__init__()


class Permit(Protocol):
    """The right to send one message now, at one provider."""

    async def send(self) -> Outcome:
        """Try once. Never raises but CancelledError and Busy: whatever else happens is an outcome.

        Each step is bounded in time. Cancelled before the request went out, nothing was sent.
        """
        ...


class ImmediatePermit:
    """The permit of a provider that has no pool: it is there at once."""

    def __init__(self, send: Callable[[Outbound], Awaitable[Outcome]], message: Outbound) -> None:
        self._send = send
        self._message = message

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    async def send(self) -> Outcome:
        return await self._send(self._message)


class Provider(Protocol):
    """One configured provider."""

    @property
    def name(self) -> str:
        """The technology, as shown in the timeline and in metrics: `smtp`, `mailbox`, `twilio`, …"""
        ...

    def acquire(self, message: Outbound) -> AbstractAsyncContextManager[Permit]:
        """`async with provider.acquire(message) as permit: await permit.send()`.

        Entering waits, without a limit, until this provider can take `message`: for a free connection, for example.
        What can be made of the message beforehand is made before the wait, so that the connection is held no longer
        than the dialogue takes.
        This wait is no attempt, and it can be cancelled: nothing was sent. Served in the order of asking. Raises
        NoPermit where the provider is closed. A provider without a pool returns an `ImmediatePermit`.
        """
        ...

    async def send(self, message: Outbound) -> Outcome:
        """Acquire a permit, send, and release it. Safe to call concurrently. Raises CancelledError and Busy only."""
        ...

    async def ready(self) -> bool:
        """Whether it could be used now, as far as is known without a request."""
        ...

    async def close(self) -> None:
        """Release every connection; idempotent."""
        ...


@runtime_checkable
class Selective(Protocol):
    """Two more methods, of a provider that takes some addresses of its channel only, or leads to several services.

    A provider without them takes every address, and is one service.
    """

    def takes(self, address: Address) -> bool:
        """Whether this provider can send to `address`. The answer for one address never changes."""
        ...

    def service(self, address: Address) -> str:
        """The service behind this provider that `address` leads to, such as the origin of a push service.

        A refusal of our credentials by one service says nothing about the others: that service alone is paused.
        """
        ...


def takes(provider: Provider, address: Address) -> bool:
    """Whether `provider` can send to `address`."""
    return not isinstance(provider, Selective) or provider.takes(address)


def service(provider: Provider, address: Address) -> str:
    """The service behind `provider` that `address` leads to; empty where it is but one."""
    return provider.service(address) if isinstance(provider, Selective) else ""
