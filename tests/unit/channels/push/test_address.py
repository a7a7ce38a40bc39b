import base64
from typing import Any

import pytest

from angarium.channels.push.address import check, check_address
from angarium.delivery.provider import Address, InvalidAddress

POINT = base64.urlsafe_b64encode(b"\x04" + b"p" * 64).decode().rstrip("=")
AUTH = base64.urlsafe_b64encode(b"a" * 16).decode().rstrip("=")
UUID_TEXT = "7f9c24e8-3b12-4fef-91e0-8c5d9d6f2a11"


def subscription(endpoint: Any = "https://push.example.com/send/abc", **keys: Any) -> dict[str, Any]:
    return {"endpoint": endpoint, "expirationTime": None, "keys": {"p256dh": POINT, "auth": AUTH, **keys}}


@pytest.mark.parametrize(
    ("platform", "token", "canonical"),
    [
        ("fcm", "token123", "token123"),
        ("fcm", "dGVz:APA91b-x_y", "dGVz:APA91b-x_y"),
        ("apns", "AB" * 32, "ab" * 32),
        ("apns", "0f" * 80, "0f" * 80),
        ("onesignal", UUID_TEXT.upper(), UUID_TEXT),
        ("webpush", subscription(), subscription()),
        ("webpush", subscription(auth=AUTH + "=="), subscription(auth=AUTH + "==")),
    ],
)
def test_what_may_be_sent_to(platform: str, token: Any, canonical: Any) -> None:
    assert check(platform, token) == canonical


@pytest.mark.parametrize(
    ("platform", "token"),
    [
        ("fcm", ""),
        ("fcm", "with space"),
        ("fcm", "line\n"),
        ("fcm", "a/../b"),
        ("fcm", "x" * 4097),
        ("fcm", {"endpoint": "https://x"}),
        ("apns", "xyz"),
        ("apns", "abc"),
        ("apns", "ab" * 101),
        ("onesignal", "token123"),
        ("carrier-pigeon", "token123"),
        ("webpush", "token123"),
        ("webpush", {}),
        ("webpush", {"endpoint": "https://push.example.com/x"}),
        ("webpush", subscription("http://push.example.com/x")),
        ("webpush", subscription("https://user@push.example.com/x")),
        ("webpush", subscription("https://")),
        ("webpush", subscription("https://[::1/x")),
        ("webpush", subscription("https://push.example.com/\r\nx")),
        ("webpush", subscription(None)),
        ("webpush", subscription(p256dh="AAAA")),
        ("webpush", subscription(p256dh=None)),
        ("webpush", subscription(auth="not base64!")),
        ("webpush", subscription(auth="AAAA")),
        ("webpush", {"endpoint": "https://push.example.com/x", "keys": "none"}),
    ],
)
def test_what_cannot_be_sent_to(platform: str, token: Any) -> None:
    with pytest.raises(InvalidAddress):
        check(platform, token)


def test_an_address_without_a_platform_is_fcms() -> None:
    assert check_address(Address("token123")) == Address("token123")


def test_a_subscription_is_checked_where_there_is_one() -> None:
    address = Address("", platform="webpush", subscription=subscription())
    assert check_address(address) == address
    with pytest.raises(InvalidAddress):
        check_address(Address("", platform="webpush", subscription=subscription("http://push.example.com")))
