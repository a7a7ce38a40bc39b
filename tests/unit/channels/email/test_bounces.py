"""What a bounce says of the address, in the words of real servers."""

import pytest

from angarium.channels.email.bounces import bounce_kind
from angarium.notifications.receipt import ReceiptKind

HARD, SOFT, BLOCKED = ReceiptKind.HARD_BOUNCE, ReceiptKind.SOFT_BOUNCE, ReceiptKind.BLOCKED


@pytest.mark.parametrize(
    ("text", "permanent", "expected"),
    [
        ("5.1.1 550 5.1.1 The email account that you tried to reach does not exist", True, HARD),
        ("550 5.1.2 host unknown", True, HARD),
        ("smtp; 550 5.2.1 mailbox disabled, not accepting messages", True, HARD),
        ("5.0.0 550 no such user", True, HARD),
        ("550 No such user here", True, HARD),
        ("552 5.2.2 mailbox full", True, SOFT),
        ("4.2.2 mailbox full", False, SOFT),
        ("4.4.7 delivery time expired", True, BLOCKED),
        ("451 try again later", False, SOFT),
        ("550 5.7.1 Service unavailable; client host [198.51.100.4] blocked using Spamhaus", True, BLOCKED),
        ("550 5.7.26 Unauthenticated email from example.com is not accepted due to DMARC policy", True, BLOCKED),
        ("550 5.7.515 Access denied, sending domain does not meet the required authentication level", True, BLOCKED),
        ("554 5.2.3 message too large", True, BLOCKED),
        ("5.1.8 sender domain does not exist", True, BLOCKED),
        ("554 Email address is not verified", True, BLOCKED),
        ("550 SC-001 mail rejected for policy reasons", True, BLOCKED),
        ("550 5.0.0 IP blacklisted", True, BLOCKED),
        ("421 4.7.0 rate limited", False, BLOCKED),
        ("", True, HARD),
        ("", False, SOFT),
    ],
)
def test_only_an_address_that_is_dead_is_a_hard_bounce(text: str, permanent: bool, expected: ReceiptKind) -> None:
    assert bounce_kind(text, permanent=permanent) is expected
