"""Firebase Cloud Messaging over its HTTP v1 API.

https://firebase.google.com/docs/cloud-messaging/send/v1-api

`fcm:///path/service-account.json`. The file has the project and the token endpoint; `base_url` replaces the origin of
sends. FCM has no idempotency key: a lost answer is ambiguous.
"""

from urllib.parse import quote

from angarium.channels.answers import fields_of, text_of
from angarium.channels.api import ApiRequest, Unsendable, api_origin, invalid, refuse_unknown
from angarium.channels.push.message import push_of
from angarium.channels.push.provider import PushApi
from angarium.channels.push.providers.fcm.answers import TABLE
from angarium.channels.push.providers.fcm.payload import TooLong, body_of
from angarium.delivery.outcome import Configuration, Retry, Sent
from angarium.delivery.provider import Outbound
from angarium.platform.clock import Clock
from angarium.platform.http.api.oauth import AccessTokens, TokenRefused, TokenUnavailable
from angarium.platform.http.api.port import ApiAnswer, ApiClient
from angarium.platform.http.api.service_account import ServiceAccount
from angarium.platform.settings.values import ProviderUrl

ORIGIN = "https://fcm.googleapis.com"
SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
_OK, _UNAUTHORIZED = 200, 401
_BEARER = "Bearer "
_APP_KEY = "THIRD_PARTY_AUTH_ERROR"


class FcmApi(PushApi):
    """Implements `Api`. `client` fetches the tokens."""

    name = "fcm"
    platforms = frozenset({"fcm"})
    table = TABLE
    secrets = ()

    def __init__(self, account: ServiceAccount, client: ApiClient, clock: Clock, *, origin: str = ORIGIN) -> None:
        self._clock = clock
        self._tokens = AccessTokens(client, account.token_url, account.form(clock, SCOPE), clock)
        self._url = f"{origin}/v1/projects/{quote(account.project, safe='')}/messages:send"

    async def request(self, message: Outbound) -> ApiRequest:
        now = self._clock.now()
        try:
            body = body_of(push_of(message, now), message.address.value, now=now.timestamp())
        except TooLong as error:
            raise invalid(str(error)) from None
        try:
            token = await self._tokens.current()
        except TokenRefused as error:
            raise Unsendable(Configuration(str(error))) from error
        except TokenUnavailable as error:
            raise Unsendable(Retry(str(error))) from error
        headers = {"authorization": f"{_BEARER}{token}", "content-type": "application/json; charset=utf-8"}
        return ApiRequest(self._url, headers, body)

    def accepted(self, answer: ApiAnswer, message: Outbound) -> Sent | None:  # noqa: ARG002 - as the port has it
        if answer.status != _OK:
            return None
        try:
            name = text_of(fields_of(answer).get("name"))
        except (ValueError, TypeError):
            name = ""
        return Sent(str(answer.status), name or None)

    def renewed(self, request: ApiRequest, answer: ApiAnswer) -> bool:
        """A 401 means an expired or revoked token, except for an error about the app's own key at Apple."""
        if answer.status != _UNAUTHORIZED or _APP_KEY in TABLE.error(answer).codes:
            return False
        self._tokens.refuse(request.headers["authorization"].removeprefix(_BEARER))
        return True


def from_url(url: ProviderUrl, *, client: ApiClient, clock: Clock) -> FcmApi:
    """Build the API for `url`. Raises ValueError, which never shows the URL."""
    refuse_unknown(url)
    if url.username or url.host or not url.path.strip("/"):
        raise ValueError("must be fcm:///path/service-account.json")
    return FcmApi(ServiceAccount.read(url.path), client, clock, origin=api_origin(url, ORIGIN))
