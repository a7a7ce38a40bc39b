"""The body of `projects.messages.send`.

https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from angarium.channels.push.message import PushMessage

LONGEST_TTL = 28 * 86400
"""Seconds: the maximum TTL of a message."""
LONGEST = 4096
"""Maximum bytes of a message's texts and data."""


class TooLong(ValueError):
    """The message is longer than FCM accepts"""


def body_of(push: PushMessage, token: str, *, now: float) -> bytes:
    """The JSON to post. `now`: seconds since the epoch. Raises TooLong, and ValueError for text that is not Unicode.

    A repeated message replaces itself on the device: by tag on Android and in browsers, by collapse id on iOS. An
    Android collapse key is not suitable for that, since FCM stores at most four per device; it is set if the sender
    requests one.
    """
    shown = _given(title=push.title, body=push.body, image=push.image)
    data = dict(push.data)
    if push.actions:
        data["actions"] = msgspec.json.encode(push.actions).decode()
    if sum(len(text.encode()) for fields in (shown, data) for pair in fields.items() for text in pair) > LONGEST:
        raise TooLong(f"the message is longer than {LONGEST} bytes")
    return msgspec.json.encode(
        {
            "message": {
                "token": token,
                "notification": shown,
                "data": data,
                "android": _android(push),
                "apns": _apns(push, now),
                "webpush": _web(push),
            }
        }
    )


def _android(push: PushMessage) -> Mapping[str, Any]:
    return _given(
        ttl=None if push.ttl is None else f"{min(push.ttl, LONGEST_TTL)}s",
        priority=None if push.urgent is None else "HIGH" if push.urgent else "NORMAL",
        collapse_key=push.collapse_key,
        notification=_given(tag=push.key, sound=push.sound, notification_count=push.badge),
    )


def _apns(push: PushMessage, now: float) -> Mapping[str, Any]:
    headers = {"apns-collapse-id": push.key}
    if push.urgent is not None:
        headers["apns-priority"] = "10" if push.urgent else "5"
    if push.ttl is not None:
        headers["apns-expiration"] = str(int(now) + push.ttl)
    # mutable-content lets the app's service extension fetch the image
    aps = _given(sound=push.sound, badge=push.badge, **{"mutable-content": None if push.image is None else 1})
    options = None if push.image is None else {"image": push.image}
    return _given(headers=headers, payload={"aps": aps} if aps else None, fcm_options=options)


def _web(push: PushMessage) -> Mapping[str, Any]:
    headers = {} if push.ttl is None else {"TTL": str(min(push.ttl, LONGEST_TTL))}
    if push.urgent is not None:
        headers["Urgency"] = "high" if push.urgent else "normal"
    options = None if push.web_link is None else {"link": push.web_link}
    actions = [{"action": action.id, "title": action.title} for action in push.actions]
    shown = _given(tag=push.key, actions=actions or None)
    return _given(headers=headers or None, notification=shown, fcm_options=options)


def _given(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
