"""Validation of push tokens by platform, used at acceptance and before a send.

Platforms treat tokens as opaque and may change their length, so only documented properties are checked.
"""

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

Token = str | Mapping[str, Any]

_FCM = re.compile(r"[A-Za-z0-9_:.\-]{1,4096}")
_APNS = re.compile(r"(?:[0-9a-fA-F]{2}){8,100}")
_P256DH_BYTES = 65
_AUTH_BYTES = 16
_ENDPOINT_LENGTH = 2048


class _BadTokenError(ValueError):
    """The token is invalid; the message has the reason."""


def push_token(platform: str, token: Token) -> Token:
    """Validate `token` and return the form to send to. Raises ValueError, whose message never contains the token."""
    rule = _CHECKS.get(platform)
    if rule is None:
        raise _BadTokenError("a device of an unknown platform")
    return rule(token)


def _text(token: Token) -> str:
    if not isinstance(token, str):
        raise _BadTokenError("a push token of this platform is a string")
    return token


def _fcm(token: Token) -> str:
    """A registration token: URL-safe characters and `:`, of variable length (Firebase documentation)."""
    text = _text(token)
    if not _FCM.fullmatch(text):
        raise _BadTokenError("not an FCM registration token")
    return text


def _apns(token: Token) -> str:
    """A device token: hexadecimal, of variable length (Apple: "don't hard-code their size")."""
    text = _text(token)
    if not _APNS.fullmatch(text):
        raise _BadTokenError("not an APNs device token (hexadecimal)")
    return text.lower()


def _onesignal(token: Token) -> str:
    """A subscription id: a UUID."""
    try:
        return str(UUID(_text(token)))
    except ValueError as error:
        raise _BadTokenError("not a OneSignal subscription id (UUID)") from error


def _webpush(token: Token) -> Mapping[str, Any]:
    """A browser's subscription: https endpoint, P-256 point and 16-byte secret (Push API §8; RFC 8291 §2.1, §3.2)."""
    if not isinstance(token, Mapping):
        raise _BadTokenError("a web push token is the browser's subscription object")
    keys = token.get("keys")
    if not isinstance(keys, Mapping):
        raise _BadTokenError("the subscription has no keys")
    _endpoint(token.get("endpoint"))
    point = _decoded(keys.get("p256dh"), "p256dh")
    if len(point) != _P256DH_BYTES or point[0] != 4:  # noqa: PLR2004 - the mark of an uncompressed point (SEC 1 §2.3.3)
        raise _BadTokenError("the subscription's p256dh is not an uncompressed P-256 point")
    if len(_decoded(keys.get("auth"), "auth")) != _AUTH_BYTES:
        raise _BadTokenError("the subscription's auth secret is not 16 bytes")
    return token


def _endpoint(value: object) -> None:
    if not isinstance(value, str) or len(value) > _ENDPOINT_LENGTH or not value.isascii() or not value.isprintable():
        raise _BadTokenError("the subscription has no endpoint")
    try:
        parts = urlsplit(value)
        host = parts.hostname
    except ValueError as error:
        raise _BadTokenError("the subscription's endpoint is not a URL") from error
    if parts.scheme != "https" or not host or parts.username is not None or parts.password is not None:
        raise _BadTokenError("the subscription's endpoint is not an https URL")


def _decoded(value: object, name: str) -> bytes:
    """Decode base64url with or without padding, since browsers differ."""
    if isinstance(value, str):
        text = value.rstrip("=").replace("+", "-").replace("/", "_")
        try:
            return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            pass
    raise _BadTokenError(f"the subscription's {name} is not base64url")


_CHECKS: Mapping[str, Callable[[Token], Token]] = MappingProxyType(
    {"fcm": _fcm, "apns": _apns, "webpush": _webpush, "onesignal": _onesignal}
)
