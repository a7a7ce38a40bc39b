"""Apple Push Notification service over its HTTP/2 API, with token authentication.

https://developer.apple.com/documentation/usernotifications/sending-notification-requests-to-apns

`apns:///path/key.p8?key_id=…&team_id=…&topic=…`, where `topic` is the app's bundle id. `environment=sandbox` is for
devices with development builds. APNs has no idempotency key: a lost answer is ambiguous.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType

from angarium.channels.api import ApiRequest, Unsendable, api_origin, invalid, refuse_unknown
from angarium.channels.push.message import key_of_device, push_of
from angarium.channels.push.provider import PushApi
from angarium.channels.push.providers.apns.answers import TABLE
from angarium.channels.push.providers.apns.payload import TooLong, headers_of, payload_of
from angarium.channels.push.providers.apns.token import ProviderToken
from angarium.channels.push.providers.key_file import read_key
from angarium.delivery.outcome import Permanent, Sent
from angarium.delivery.provider import Outbound
from angarium.platform.clock import Clock
from angarium.platform.http.api.port import ApiAnswer
from angarium.platform.settings.values import ProviderUrl

ORIGINS: Mapping[str, str] = MappingProxyType(
    {"production": "https://api.push.apple.com", "sandbox": "https://api.sandbox.push.apple.com"}
)
_ID = re.compile(r"[A-Za-z0-9]{1,40}")
_TOPIC = re.compile(r"[A-Za-z0-9.-]{1,255}")
_DEVICE = re.compile(r"[0-9a-f]{16,200}")
_OK, _FORBIDDEN = 200, 403
_EXPIRED = "ExpiredProviderToken"
_BEARER = "bearer "


class ApnsApi(PushApi):
    """Implements `Api`: describes APNs' requests and answers."""

    name = "apns"
    platforms = frozenset({"apns"})
    table = TABLE
    secrets = ()

    def __init__(self, token: ProviderToken, *, topic: str, clock: Clock, origin: str) -> None:
        self._token = token
        self._topic = topic
        self._clock = clock
        self._origin = origin

    async def request(self, message: Outbound) -> ApiRequest:
        now = self._clock.now()
        push = push_of(message, now)
        device = message.address.value
        if not _DEVICE.fullmatch(device):
            raise Unsendable(Permanent("not an APNs device token (hexadecimal)", code="invalid_address"))
        try:
            payload = payload_of(push)
        except TooLong as error:
            raise invalid(str(error)) from None
        headers = headers_of(push, key_of_device(message), topic=self._topic, now=now.timestamp())
        authorization = {"authorization": f"{_BEARER}{self._token.get()}"}
        return ApiRequest(f"{self._origin}/3/device/{device}", {**headers, **authorization}, payload)

    def accepted(self, answer: ApiAnswer, message: Outbound) -> Sent | None:
        if answer.status != _OK:
            return None
        return Sent(str(answer.status), answer.headers.get("apns-id") or str(key_of_device(message)))

    def renewed(self, request: ApiRequest, answer: ApiAnswer) -> bool:
        if answer.status != _FORBIDDEN or _EXPIRED not in TABLE.error(answer).codes:
            return False
        return self._token.renew(request.headers["authorization"].removeprefix(_BEARER))


def from_url(url: ProviderUrl, *, clock: Clock) -> ApnsApi:
    """Build the API for `url`. Raises ValueError, which never shows the URL."""
    refuse_unknown(url, "key_id", "team_id", "topic", "environment")
    if url.username or url.host or not url.path.strip("/"):
        raise ValueError("must be apns:///path/key.p8?key_id=…&team_id=…&topic=…")
    key_id, team_id, topic = (url.options.get(name, "") for name in ("key_id", "team_id", "topic"))
    for name, value in (("key_id", key_id), ("team_id", team_id)):
        if not _ID.fullmatch(value):
            raise ValueError(f"needs the parameter {name}: letters and digits, as Apple shows it")
    if not _TOPIC.fullmatch(topic):
        raise ValueError("needs the parameter topic: the bundle id of the app, such as com.example.app")
    usual = ORIGINS.get(url.options.get("environment", "production"))
    if usual is None:
        raise ValueError("has an environment that is not production or sandbox")
    token = ProviderToken(read_key(url.path), key_id=key_id, team_id=team_id, clock=clock)
    return ApnsApi(token, topic=topic, clock=clock, origin=api_origin(url, usual))
