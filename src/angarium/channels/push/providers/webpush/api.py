"""Web Push requests to a subscription's push service (RFC 8030), with encryption (RFC 8291) and VAPID (RFC 8292)."""

from urllib.parse import urlsplit

from angarium.channels.api import ApiRequest, Unsendable, invalid
from angarium.channels.push.message import push_of
from angarium.channels.push.provider import PushApi
from angarium.channels.push.providers.webpush.answers import TABLE
from angarium.channels.push.providers.webpush.encryption import NoSubscription, Subscription, TooLong, encrypted
from angarium.channels.push.providers.webpush.payload import headers_of, payload_of
from angarium.channels.push.providers.webpush.vapid import Vapid
from angarium.delivery.outcome import Permanent, Sent
from angarium.delivery.provider import Address, Outbound
from angarium.platform.clock import Clock
from angarium.platform.http.api.port import ApiAnswer

_KNOWN = ("fcm.googleapis.com", ".push.services.mozilla.com", ".notify.windows.com", ".push.apple.com")
"""Hosts of the browsers' push services: Chrome and other Chromium browsers, Firefox, Edge, Safari."""
_TAKEN = range(200, 300)


class WebPushApi(PushApi):
    """Implements `Api`. `origin`, if given, replaces the origin of every endpoint."""

    name = "webpush"
    platforms = frozenset({"webpush"})
    table = TABLE
    secrets = ()

    def __init__(self, vapid: Vapid, *, clock: Clock, origin: str | None = None) -> None:
        self._vapid = vapid
        self._clock = clock
        self._origin = origin

    async def request(self, message: Outbound) -> ApiRequest:
        push = push_of(message, self._clock.now())
        try:
            subscription = Subscription.parse(message.address.subscription or {})
            body = encrypted(payload_of(push), subscription)
        except NoSubscription as error:
            raise Unsendable(Permanent(str(error), code="invalid_address")) from None
        except TooLong as error:
            raise invalid(str(error)) from None
        origin = origin_of(message.address)
        if not origin:
            raise Unsendable(Permanent("the subscription's endpoint is not a URL", code="invalid_address"))
        url = subscription.endpoint
        if self._origin is not None:
            url = self._origin + url[len(origin) :]
        return ApiRequest(url, {**headers_of(push), "authorization": self._vapid.authorization(origin)}, body)

    def accepted(self, answer: ApiAnswer, message: Outbound) -> Sent | None:  # noqa: ARG002 - as the port has it
        """201; some services answer 200, 202 or 204. The message's URL is a capability and must not be recorded."""
        return Sent(str(answer.status)) if answer.status in _TAKEN else None


def endpoint_of(address: Address) -> str:
    """The endpoint of a subscription; empty if it has none."""
    endpoint = (address.subscription or {}).get("endpoint")
    return endpoint if isinstance(endpoint, str) else ""


def origin_of(address: Address) -> str:
    """The origin of a subscription's endpoint, unchanged. Empty if it has none."""
    endpoint = endpoint_of(address)
    try:
        parts = urlsplit(endpoint)
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme and parts.netloc else ""


def is_known(origin: str) -> bool:
    """Whether it is a browser's push service, not an arbitrary server."""
    host = origin.removeprefix("https://")
    return any(host == known or (known.startswith(".") and host.endswith(known)) for known in _KNOWN)
