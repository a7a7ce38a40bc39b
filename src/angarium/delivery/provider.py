"""The port to providers: one small interface for every channel."""

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
    """A destination: an email address, an E.164 number, a URL, or a push token (with its device's platform and id).

    `name` is the person's, for a mail's `To`. Already validated.
    """

    value: str
    name: str | None = None
    platform: Platform | None = None
    device_id: UUID | None = None
    subscription: Mapping[str, Any] | None = None


class Outbound(msgspec.Struct, frozen=True, kw_only=True):
    """One message for one address. `message_key` is the same on every attempt: Message-ID, idempotency key.

    `metadata` is the caller's JSON. `options` are specific to the channel; `files` are a mail's attachments with their
    contents. After `expires_at` (aware) it must no longer be shown, as far as the provider supports that.
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
    """The address is invalid; the message has the reason and never the address."""


class NoPermit(AngariumError):
    """The provider is closed"""


class Busy(NoPermit):
    """The message's destination is busy; nothing was sent, and it does not count as an attempt"""

    def __init__(self, wait: timedelta) -> None:
        self.wait = wait
        super().__init__()


class Permit(Protocol):
    """The right to send one message through one provider now."""

    async def send(self) -> Outcome:
        """Make one attempt. Raises only CancelledError and Busy; everything else is an outcome.

        Each step has a timeout. If it is cancelled before the request is sent, nothing was sent.
        """
        ...


class ImmediatePermit:
    """The permit of a provider without a pool, available at once."""

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
        """The technology, shown in the timeline and metrics: `smtp`, `mailbox`, `twilio`, …"""
        ...

    def acquire(self, message: Outbound) -> AbstractAsyncContextManager[Permit]:
        """`async with provider.acquire(message) as permit: await permit.send()`.

        Entering waits, without a limit, until this provider can accept `message`, such as for a free connection.
        Preparation of the message comes before the wait, so that the connection is used only during the dialogue. The
        wait is not an attempt and can be cancelled without effect. Waiters are served in order. Raises NoPermit if the
        provider is closed. A provider without a pool returns an `ImmediatePermit`.
        """
        ...

    async def send(self, message: Outbound) -> Outcome:
        """Acquire a permit, send, and release it. Safe to call concurrently. Raises only CancelledError and Busy."""
        ...

    async def ready(self) -> bool:
        """Whether it can be used now, as last known; makes no request."""
        ...

    async def close(self) -> None:
        """Close every connection. Idempotent."""
        ...


@runtime_checkable
class Selective(Protocol):
    """Optional methods of a provider that supports only some addresses of its channel, or fronts several services.

    A provider without them supports every address and is a single service.
    """

    def takes(self, address: Address) -> bool:
        """Whether this provider can send to `address`. The result for an address never changes."""
        ...

    def service(self, address: Address) -> str:
        """The service behind this provider for `address`, such as the origin of a push service.

        If one service refuses our credentials, only that service is paused.
        """
        ...


def takes(provider: Provider, address: Address) -> bool:
    """Whether `provider` can send to `address`."""
    return not isinstance(provider, Selective) or provider.takes(address)


def service(provider: Provider, address: Address) -> str:
    """The service behind `provider` for `address`; empty if there is only one."""
    return provider.service(address) if isinstance(provider, Selective) else ""
