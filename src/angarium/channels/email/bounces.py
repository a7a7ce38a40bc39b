"""Classifies bounces: the address is invalid, temporarily unavailable, or not the cause."""

import re

from angarium.notifications.receipt import ReceiptKind

_ENHANCED = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.])")
_INFRASTRUCTURE = re.compile(
    r"\b(?:block(?:ed|list|ing)?|blacklist\w*|deny ?list\w*|spamhaus|barracuda|dnsbl|rbl|dmarc|spf|dkim|reputation|"
    r"unauthenticated|authentication|not verified|unverified|spam|policy|rate.?limit\w*|throttl\w*|relay\w*|"
    r"access denied|suspicious|unsolicited|reverse dns|ptr record)\b",
    re.IGNORECASE,
)
"""Patterns of refusals that concern the sender's address, domain or network, not the recipient."""
_FULL = ("2", "2")
_MAILBOX_DISABLED = ("2", "1")
_ADDRESS = "1"
_NOT_THE_ADDRESS = frozenset({"3", "4", "5", "6", "7"})
"""Second part of a status: system, network, protocol, content, policy (RFC 3463 §3)."""
_SENDER = frozenset({"7", "8"})
"""Third part of 5.1.x: the sender's address is invalid, not the recipient's (RFC 3463 §3.2)."""


def bounce_kind(text: str, *, permanent: bool) -> ReceiptKind:
    """The kind of a bounce, from the provider's text and the status code in it (RFC 3463).

    `permanent`: whether the provider calls it permanent. Ambiguous bounces suppress no address.
    """
    found = _ENHANCED.search(text)
    if found is None:
        if _INFRASTRUCTURE.search(text):
            return ReceiptKind.BLOCKED
        return ReceiptKind.HARD_BOUNCE if permanent else ReceiptKind.SOFT_BOUNCE
    kind, subject, detail = found.groups()
    if subject == _ADDRESS and detail not in _SENDER and kind != "4":
        return ReceiptKind.HARD_BOUNCE
    if subject in _NOT_THE_ADDRESS or _INFRASTRUCTURE.search(text):
        return ReceiptKind.BLOCKED
    if kind == "4" or (subject, detail) == _FULL or not permanent:
        return ReceiptKind.SOFT_BOUNCE
    dead = subject == "0" or (subject, detail) == _MAILBOX_DISABLED
    return ReceiptKind.HARD_BOUNCE if dead else ReceiptKind.BLOCKED
