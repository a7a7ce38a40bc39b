"""Receipts as values: a provider's webhook event about one message and one address."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from uuid import UUID


class ReceiptKind(StrEnum):
    """The kind of event. Each comment states the effect on the notification and on the address."""

    DELIVERED = "delivered"  # → delivered; resets the address's soft bounces
    HARD_BOUNCE = "hard_bounce"  # → failed; suppressed
    SOFT_BOUNCE = "soft_bounce"  # → failed; suppressed after five in a row
    BLOCKED = "blocked"  # → failed because of the sender; no effect on the address
    COMPLAINED = "complained"  # an event; suppressed
    OPTED_OUT = "opted_out"  # an event; suppressed until the recipient opts in again
    DEFERRED = "deferred"  # the provider retries; nothing changes


FAILURES = frozenset({ReceiptKind.HARD_BOUNCE, ReceiptKind.SOFT_BOUNCE, ReceiptKind.BLOCKED})
"""Kinds that mean that the message did not arrive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """One event of one message and address. `key` is the same for repeated events.

    The notification is identified by `notification_id`, our reference, or by the provider's `provider_message_id`.
    `address` is in the provider's spelling. `reason` contains no address. `at` is aware.
    """

    key: str
    provider: str
    kind: ReceiptKind
    at: datetime
    notification_id: UUID | None = None
    provider_message_id: str | None = None
    address: str | None = field(default=None, repr=False)
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """A stored receipt to be applied. `noted`: its effect on the address was already applied."""

    receipt: Receipt
    received_at: datetime
    noted: bool


def receipt_key(provider: str, *parts: object) -> str:
    """A key from `parts`: the provider's event id, or the event's content if it has no stable id."""
    return sha256("\0".join((provider, *map(str, parts))).encode()).hexdigest()
