"""The provider of Web Push: one for every push service, each of which is judged apart.

`webpush:///path/vapid.pem?subject=mailto:you@example.com`. Endpoints come from browsers, that is from anyone. So they
are asked by the guarded client, and a push service that is none of the browsers' own can hold up little: few messages
at once, and a refusal of our identity ends the message instead of keeping it.
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
    """Implements `Provider` and `Selective`. `at_one_host`: messages at once to a push service of no browser."""

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
        """The push service's origin: what one of them refuses says nothing about the others."""
        return origin_of(address)

    async def deliver(self, message: Outbound) -> Outcome:
        """As of the base. Raises Busy where enough messages are under way to the push service: nothing was sent."""
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
    """The API that `url` describes. Raises ValueError, which never shows the URL."""
    refuse_unknown(url, "subject")
    if url.username or url.host or not url.path.strip("/"):
        raise ValueError("must be webpush:///path/vapid.pem?subject=mailto:you@example.com")
    subject = checked_subject(url.options.get("subject"))
    return WebPushApi(Vapid(read_key(url.path), subject, clock), clock=clock, origin=url.base_url)
