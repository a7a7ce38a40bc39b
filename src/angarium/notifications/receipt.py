"""A receipt as a value: what a provider's webhook says of one message and one address."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from uuid import UUID


class ReceiptKind(StrEnum):
    """What happened. Each comment says what follows for the notification and for the address."""

    DELIVERED = "delivered"  # → delivered; its soft bounces are forgotten
    HARD_BOUNCE = "hard_bounce"  # → failed; suppressed
    SOFT_BOUNCE = "soft_bounce"  # → failed; suppressed after five in a row
    BLOCKED = "blocked"  # → failed, for a reason that lies with the sender; nothing for the address
    COMPLAINED = "complained"  # an event; suppressed
    OPTED_OUT = "opted_out"  # an event; suppressed until the recipient opts in again
    DEFERRED = "deferred"  # the provider tries again; nothing changes


FAILURES = frozenset({ReceiptKind.HARD_BOUNCE, ReceiptKind.SOFT_BOUNCE, ReceiptKind.BLOCKED})
"""Kinds that say that the message did not arrive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """One event of one message and address. `key` is the same whenever the provider repeats it.

    The notification is named by `notification_id`, the reference that we passed on, or by `provider_message_id`, the
    provider's own. `address` is as the provider wrote it. `reason` has no address in it. `at` is aware.
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
    """A stored receipt that waits to be applied. `noted`: what follows for the address was done before."""

    receipt: Receipt
    received_at: datetime
    noted: bool


def receipt_key(provider: str, *parts: object) -> str:
    """A key of `parts`: the provider's id of an event, or its content where it has no id that is the same each time."""
    return sha256("\0".join((provider, *map(str, parts))).encode()).hexdigest()
