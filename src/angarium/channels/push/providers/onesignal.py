"""OneSignal: pushes to its subscriptions over its REST API.

https://documentation.onesignal.com/reference/create-message

`onesignal://APP_ID:KEY@api`. A device's token is its subscription id. The `idempotency_key` is specific to the device
and the same on every attempt: OneSignal does not repeat a message within 30 days.
"""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from angarium.channels.answers import AnswerTable, ApiError, Row, Verdict, fields_of, text_of, words_of
from angarium.channels.api import ApiRequest, api_origin, refuse_unknown
from angarium.channels.push.message import PushMessage, key_of_device, push_of
from angarium.channels.push.provider import PushApi
from angarium.delivery.outcome import Sent
from angarium.delivery.provider import Outbound
from angarium.platform.clock import Clock
from angarium.platform.http.api.port import ApiAnswer
from angarium.platform.settings.values import ProviderUrl

ORIGIN = "https://api.onesignal.com"
PATH = "/notifications?c=push"
LONGEST_TTL = 28 * 86400
"""Seconds: the maximum `ttl`."""
LONGEST_COLLAPSE_ID = 64
_APP = re.compile(r"[0-9A-Za-z-]{1,64}")
_OK = 200
_CREATE = "https://documentation.onesignal.com/reference/create-message"
_LIMITS = "https://documentation.onesignal.com/reference/rate-limits"
_INVALID = frozenset({"invalid_player_ids", "invalid_subscription_ids"})
_UNSUBSCRIBED = words_of("not subscribed", r"invalid (?:player|subscription)_?\s?ids?", "no subscribers")

ROWS = (
    # Unsubscribed, or no such subscription; a 200 without an id has sent nothing.
    Row({200, 400}, Verdict.SUPPRESS, _CREATE, codes=_INVALID),
    Row({200, 400}, Verdict.SUPPRESS, _CREATE, words=_UNSUBSCRIBED),
    Row({200}, Verdict.PERMANENT, _CREATE),
    # The app's id or key; "app_id not found" comes as a 400.
    Row({400, 404}, Verdict.CONFIGURATION, _CREATE, words=words_of("app_id", "application")),
    Row({401, 403, 404}, Verdict.CONFIGURATION, _CREATE),
    Row({429, *range(500, 600)}, Verdict.RETRY, _LIMITS),
)


class OneSignalApi(PushApi):
    """Describes OneSignal's requests and answers."""

    name = "onesignal"
    platforms = frozenset({"onesignal"})

    def __init__(self, *, app: str, key: str, clock: Clock, origin: str = ORIGIN) -> None:
        self.secrets = (key,)
        self.table = AnswerTable(ROWS, read=error_of)
        self._app = app
        self._clock = clock
        self._url = origin + PATH
        self._headers: Mapping[str, str] = {
            "authorization": f"Key {key}",
            "content-type": "application/json; charset=utf-8",
            "accept": "application/json",
        }

    async def request(self, message: Outbound) -> ApiRequest:
        push = push_of(message, self._clock.now())
        fields: dict[str, Any] = {
            "app_id": self._app,
            "target_channel": "push",
            "include_subscription_ids": [message.address.value],
            "idempotency_key": str(key_of_device(message)),
            # OneSignal requires English and shows it where a device's own language is missing.
            "contents": {"en": push.body},
            "data": dict(push.data),
        }
        if push.title is not None:
            fields["headings"] = {"en": push.title}
        if push.link is not None:
            fields["url"] = push.link
        if push.image is not None:
            images = {"big_picture": push.image, "chrome_web_image": push.image}
            fields |= {**images, "ios_attachments": {"image": push.image}}
        if push.ttl is not None:
            fields["ttl"] = min(push.ttl, LONGEST_TTL)
        if len(push.key) <= LONGEST_COLLAPSE_ID:
            fields["collapse_id"] = push.key
        fields |= _asked(push)
        return ApiRequest(self._url, self._headers, msgspec.json.encode(fields))

    def accepted(self, answer: ApiAnswer, message: Outbound) -> Sent | None:  # noqa: ARG002 - as the port has it
        """A 200 with an empty id means that nothing was sent."""
        if answer.status != _OK:
            return None
        try:
            identifier = text_of(fields_of(answer).get("id"))
        except (ValueError, TypeError):
            return None
        return Sent(str(answer.status), identifier) if identifier else None


def _asked(push: PushMessage) -> Mapping[str, Any]:
    """The sender's options. `priority`: 10 wakes the device, 5 does not."""
    fields: dict[str, Any] = {}
    if push.urgent is not None:
        fields["priority"] = 10 if push.urgent else 5
    if push.badge is not None:
        fields |= {"ios_badgeType": "SetTo", "ios_badgeCount": push.badge}
    if push.sound is not None:
        fields |= {"ios_sound": push.sound, "android_sound": push.sound}
    if push.actions:
        fields["buttons"] = [{"id": action.id, "text": action.title} for action in push.actions]
        fields["web_buttons"] = [
            {"id": action.id, "text": action.title, **({} if action.link is None else {"url": action.link})}
            for action in push.actions
        ]
    return fields


def error_of(answer: ApiAnswer) -> ApiError:
    """`errors` is a list of texts, a text, or an object named after the kind of invalid ids."""
    errors = fields_of(answer).get("errors")
    match errors:
        case dict():
            return ApiError(tuple(str(name) for name in errors))
        case list():
            return ApiError((), "; ".join(text for text in map(text_of, errors) if text))
        case _:
            return ApiError((), text_of(errors))


def from_url(url: ProviderUrl, *, clock: Clock) -> OneSignalApi:
    """Build the API for `url`. Raises ValueError, which never shows the URL."""
    refuse_unknown(url)
    app, key = url.username or "", url.password or ""
    if not _APP.fullmatch(app) or not key or url.host != "api" or url.path.strip("/"):
        raise ValueError("must be onesignal://APP_ID:KEY@api")
    return OneSignalApi(app=app, key=key, clock=clock, origin=api_origin(url, ORIGIN))
