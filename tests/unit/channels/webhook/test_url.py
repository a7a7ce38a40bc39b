"""Where a webhook may go, as far as its URL alone can say."""

from ipaddress import ip_network

import pytest

from angarium.channels.webhook.address import check, check_address
from angarium.contracts.addresses import endpoint_url
from angarium.contracts.notifications import Recipient, address_faults
from angarium.delivery.provider import Address, InvalidAddress

LOOPBACK = (ip_network("127.0.0.0/8"),)
GOOD = [
    "https://example.com",
    "https://example.com:8443/a/b?c=d#e",
    "https://xn--bcher-kva.example/",
    "https://10.0.0.1/",
]
BAD = [
    "", "x", "/hook", "example.com/hook", "ftp://example.com/", "file:///etc/passwd", "https://", "https:///x",
    "https://u@example.com/", "https://u:p@example.com/", "https://example.com:99999/", "https://[::1/",
    "https://exa mple.com/", "https://example.com/\n", "https://example.com/é", "javascript:alert(1)",
    "https://example.com/" + "x" * 2048,
]  # fmt: skip


@pytest.mark.parametrize("url", GOOD)
def test_what_may_be_posted_to(url: str) -> None:
    assert check(url) == endpoint_url(url, ()) == url
    assert check_address(Address(url, "Ann")) == Address(url, "Ann")
    assert list(address_faults({"webhook": url}, ())) == []


@pytest.mark.parametrize("url", BAD)
def test_what_cannot_be_posted_to(url: str) -> None:
    with pytest.raises(InvalidAddress) as caught:
        check(url)
    assert not url or url not in str(caught.value)
    assert [name for name, _ in address_faults({"webhook": url})] == ["webhook"]


@pytest.mark.parametrize(
    ("url", "good"),
    [
        ("http://127.0.0.1:8000/x", True),
        ("http://localhost/x", True),
        ("http://name.example/x", True),  # judged when it is connected to
        ("http://10.0.0.1/x", False),
        ("http://[::1]/x", False),
    ],
)
def test_plain_http_is_for_allowed_ranges(url: str, good: bool) -> None:
    assert (list(address_faults({"webhook": url}, LOOPBACK)) == []) is good
    assert [name for name, _ in address_faults({"webhook": url}, ())] == ["webhook"]
    assert check(url) == url, "a worker leaves it to the guard"


def test_a_webhook_alone_reaches_a_recipient() -> None:
    assert Recipient(webhook="https://example.com/").webhook == "https://example.com/"
