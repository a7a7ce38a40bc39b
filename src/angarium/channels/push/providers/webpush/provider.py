"""The Web Push provider, for all push services, each with its own circuit breaker.

`webpush:///path/vapid.pem?subject=mailto:you@example.com`. Endpoints come from browsers and are untrusted. So they are
requested with the guarded client, and unknown push services are limited: few concurrent messages, and a refusal of our
identity ends the message instead of keeping it.
"""

from datetime import datetime

from angarium.channels.api import refuse_unknown
from angarium.channels.push.provider import PushProvider
from angarium.channels.push.providers.key_file import read_key
from angarium.channels.push.providers.webpush.api import WebPushApi, endpoint_of, is_known, origin_of
from angarium.channels.push.providers.webpush.vapid import Vapid, checked_subject
from angarium.delivery.hosts import AT_ONE_HOST, Hosts
from angarium.delivery.outcome import Configuration, Outcome, Permanent
from angarium.delivery.provider import Address, Outbound
from angarium.platform.clock import Clock
from angarium.platform.http.api.port import ApiAnswer, ApiClient
from angarium.platform.settings.values import ProviderUrl
from angarium.platform.telemetry.logging import Logger


class WebPushProvider(PushProvider):
    """Implements `Provider` and `Selective`. `at_one_host`: concurrent messages to an unknown push service."""

    def __init__(
        self,
        api: WebPushApi,
        client: ApiClient,
        *,
        clock: Clock,
        logger: Logger,
        timeout: float | None = None,
        at_one_host: int = AT_ONE_HOST,
    ) -> None:
        super().__init__(api, client, clock=clock, logger=logger, timeout=timeout)
        self._hosts = Hosts(clock, at_one_host)

    def service(self, address: Address) -> str:
        """The push service's origin, since refusals of one service do not concern the others."""
        return origin_of(address)

    async def deliver(self, message: Outbound) -> Outcome:
        """As the base class. Raises Busy, with nothing sent, if the push service's limit is reached."""
        origin = origin_of(message.address)
        if is_known(origin):
            return await super().deliver(message)
        with self._hosts.under_way(origin):
            return await super().deliver(message)

    def _refusal(self, answer: ApiAnswer, message: Outbound, now: datetime) -> Outcome:
        outcome = self._api.table.outcome(answer, now, endpoint_of(message.address), attempt=message.attempt)
        if isinstance(outcome, Configuration) and not is_known(origin_of(message.address)):
            return Permanent(outcome.answer)
        return outcome


def api_of(url: ProviderUrl, *, clock: Clock) -> WebPushApi:
    """Build the API for `url`. Raises ValueError, which never shows the URL."""
    refuse_unknown(url, "subject")
    if url.username or url.host or not url.path.strip("/"):
        raise ValueError("must be webpush:///path/vapid.pem?subject=mailto:you@example.com")
    subject = checked_subject(url.options.get("subject"))
    return WebPushApi(Vapid(read_key(url.path), subject, clock), clock=clock, origin=url.base_url)
