"""Test messages through exactly one provider: an ordinary notification with a fixed provider.

A worker sends it, because the gateway does not have the credentials of providers.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import cast, get_args
from uuid import UUID

from angarium.contracts.addresses import Network
from angarium.contracts.errors import Forbidden, NotFound, ValidationFailed
from angarium.contracts.notifications import NotificationRequest, Recipient, address_faults
from angarium.contracts.push_tokens import push_token
from angarium.contracts.statuses import ADDRESS_FIELD, Channel
from angarium.contracts.users import Platform
from angarium.directory.built_in.templates import PROVIDER_TEST
from angarium.notifications.providers.model import Configured
from angarium.notifications.providers.store import ProviderStore
from angarium.platform.clock import Clock
from angarium.services.gateway.accepting.acceptance import Accepted, Origin
from angarium.services.gateway.accepting.use_cases import Acceptor
from angarium.services.gateway.audit.log import AuditLog
from angarium.services.gateway.audit.store import Actor

EXPIRES_AFTER = timedelta(minutes=10)
"""How long a test message may wait, for example for an open breaker."""
PRIORITY = 8
"""The lowest priority of the urgent lane: an operator is waiting for the result."""


class RequestThrough(NotificationRequest):
    """A request that only `provider` may send. `platform`: that of the push token, if the provider supports one."""

    provider: str
    platform: Platform | None = None

    @property
    def through(self) -> Mapping[str, str] | None:
        platform = {} if self.platform is None else {"platform": self.platform}
        return {"provider": self.provider, **platform}


class ProviderTests:
    """Sends test messages. `plain`: address ranges to which webhooks may be sent over unencrypted http."""

    def __init__(
        self, *, store: ProviderStore, acceptor: Acceptor, audit: AuditLog, clock: Clock, plain: Sequence[Network]
    ) -> None:
        self._store = store
        self._acceptor = acceptor
        self._audit = audit
        self._clock = clock
        self._plain = plain

    async def send(self, actor: Actor, origin: Origin, provider_id: UUID, to: str) -> Accepted:
        """Accept one test message to the address `to`. The audit entry does not contain the address.

        Raises NotFound, ValidationFailed if `to` is not a valid address of the provider's channel, Forbidden for a test
        key, and the errors of `Acceptor.accept`.
        """
        if origin.caller.test:
            raise Forbidden("Notifications of a test key are not sent to providers. Use a live key")
        found = await self._store.standings(provider_id)
        if not found:
            raise NotFound("Provider not found")
        configured = found[0].configured
        platform = _platform(configured)
        _check_address(configured.channel, platform, to, self._plain)
        accepted = await self._acceptor.accept(origin, self._request(configured, platform, to))
        await self._audit.record(actor, "provider.test", provider_id)
        return accepted

    def _request(self, configured: Configured, platform: Platform | None, to: str) -> RequestThrough:
        return RequestThrough(
            notification_type=configured.channel,
            recipient=Recipient.model_validate({ADDRESS_FIELD[configured.channel]: to}),
            template_code=PROVIDER_TEST,
            variables={"provider": configured.name},
            priority=PRIORITY,
            expires_at=self._clock.now() + EXPIRES_AFTER,
            provider=configured.name,
            platform=platform,
        )


def _platform(configured: Configured) -> Platform | None:
    """The platform of a push provider's tokens, None if its scheme is not a platform.

    Raises ValidationFailed for Web Push, whose subscriptions are not text.
    """
    if configured.channel is not Channel.PUSH or configured.scheme not in get_args(Platform):
        return None
    if configured.scheme == "webpush":
        raise ValidationFailed.of("to", "a Web Push subscription is not text; send to a stored user who has one")
    return cast("Platform", configured.scheme)


def _check_address(channel: Channel, platform: Platform | None, to: str, plain: Sequence[Network]) -> None:
    """Raise ValidationFailed if `to` is not a valid address of the channel."""
    if channel is Channel.PUSH and platform is not None:
        try:
            push_token(platform, to)
        except ValueError as error:
            raise ValidationFailed.of("to", str(error)) from error
        return
    for _, message in address_faults({ADDRESS_FIELD[channel]: to}, plain):
        raise ValidationFailed.of("to", f"{message} (the provider's channel is {channel})")
