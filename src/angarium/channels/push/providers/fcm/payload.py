"""The body of `projects.messages.send`.

https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from angarium.channels.push.message import PushMessage

LONGEST_TTL = 28 * 86400
"""Seconds: the longest life of a message."""


def body_of(push: PushMessage, token: str, *, now: float) -> bytes:
    """The JSON to post. `now`: seconds since the epoch. Raises ValueError for text that is not Unicode.

    Sent again, a message replaces itself on the device: by tag on Android and in browsers, by collapse id on iOS. An
    Android collapse key would not do, as FCM holds four of them for a device at most.
    """
    return msgspec.json.encode(
        {
            "message": {
                "token": token,
                "notification": _given(title=push.title, body=push.body, image=push.image),
                "data": dict(push.data),
                "android": _given(ttl=_android_ttl(push), notification={"tag": push.key}),
                "apns": _apns(push, now),
                "webpush": _web(push),
            }
        }
    )


def _android_ttl(push: PushMessage) -> str | None:
    return None if push.ttl is None else f"{min(push.ttl, LONGEST_TTL)}s"


def _apns(push: PushMessage, now: float) -> Mapping[str, Any]:
    headers = {"apns-collapse-id": push.key}
    if push.ttl is not None:
        headers["apns-expiration"] = str(int(now) + push.ttl)
    if push.image is None:
        return {"headers": headers}
    payload = {"aps": {"mutable-content": 1}}  # lets the app's service extension fetch the image
    return {"headers": headers, "payload": payload, "fcm_options": {"image": push.image}}


def _web(push: PushMessage) -> Mapping[str, Any]:
    headers = None if push.ttl is None else {"TTL": str(min(push.ttl, LONGEST_TTL))}
    options = None if push.web_link is None else {"link": push.web_link}
    return _given(headers=headers, notification={"tag": push.key}, fcm_options=options)


def _given(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
