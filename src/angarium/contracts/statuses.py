"""The states of a notification and the table of allowed transitions."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import assert_never


class Channel(StrEnum):
    """A delivery channel; `notification_type` in bodies."""

    EMAIL = "email"
    PUSH = "push"
    SMS = "sms"
    WEBHOOK = "webhook"


ADDRESS_FIELD: Mapping[Channel, str] = MappingProxyType(
    {Channel.EMAIL: "email", Channel.SMS: "phone", Channel.PUSH: "push_token", Channel.WEBHOOK: "webhook"}
)
"""The field of a recipient or user that holds a channel's address."""
ADDRESS_NAMES = f"{', '.join(tuple(ADDRESS_FIELD.values())[:-1])} or {tuple(ADDRESS_FIELD.values())[-1]}"
"""The names of those fields in error messages."""


class Status(StrEnum):
    """The state of a notification. Each comment lists its outgoing transitions."""

    SCHEDULED = "scheduled"  # waits for its due time → pending
    PENDING = "pending"  # accepted and durable, waits for a worker → sending
    SENDING = "sending"  # claimed by one worker under a lease → any outcome
    SENT = "sent"  # the provider accepted it → delivered, or failed by a bounce
    DELIVERED = "delivered"  # a receipt confirmed the delivery; final
    RETRYING = "retrying"  # a retryable answer; waits for its next attempt → sending
    FAILED = "failed"  # permanently refused, or no retries left → pending, by a replay only
    SKIPPED = "skipped"  # the user opted out, or the address is suppressed; final
    CANCELLED = "cancelled"  # cancelled by the caller; final
    EXPIRED = "expired"  # `expires_at` passed before it could be sent; final
    UNKNOWN = "unknown"  # the answer was lost under at_most_once; an operator decides


class DeliveryStatus(StrEnum):
    """A reduced form of `status`, for compatibility with other systems."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


class DeliveryPolicy(StrEnum):
    """What to do when a crash leaves the outcome of a send unknown."""

    AT_LEAST_ONCE = "at_least_once"  # sent again
    AT_MOST_ONCE = "at_most_once"  # → unknown


_S = Status

TRANSITIONS: Mapping[Status, frozenset[Status]] = MappingProxyType(
    {
        _S.SCHEDULED: frozenset({_S.PENDING, _S.CANCELLED, _S.EXPIRED}),
        _S.PENDING: frozenset({_S.SENDING, _S.CANCELLED, _S.EXPIRED}),
        _S.SENDING: frozenset(
            {
                _S.SENDING,  # another worker takes over after the lease expired
                _S.PENDING,  # released unsent, without using an attempt
                _S.SCHEDULED,  # deferred, for example by quiet hours, without using an attempt
                _S.SENT,
                _S.RETRYING,
                _S.FAILED,
                _S.SKIPPED,
                _S.EXPIRED,
                _S.UNKNOWN,
            }
        ),
        _S.RETRYING: frozenset({_S.SENDING, _S.CANCELLED, _S.EXPIRED}),
        _S.SENT: frozenset({_S.DELIVERED, _S.FAILED}),
        _S.UNKNOWN: frozenset({_S.SENT, _S.FAILED, _S.PENDING}),
        _S.FAILED: frozenset({_S.PENDING}),
        _S.DELIVERED: frozenset(),
        _S.SKIPPED: frozenset(),
        _S.CANCELLED: frozenset(),
        _S.EXPIRED: frozenset(),
    }
)
"""Allowed transitions: `old → {new, …}`. Every UPDATE of a status is conditional on them."""

UNFINISHED = frozenset({_S.SCHEDULED, _S.PENDING, _S.SENDING, _S.RETRYING})
"""States that the system will leave without a request."""


def may_become(old: Status, new: Status) -> bool:
    """Whether `old → new` is allowed."""
    return new in TRANSITIONS[old]


def sources_of(new: Status) -> frozenset[Status]:
    """Every state with a transition to `new`: the `WHERE status IN (…)` of its UPDATE."""
    return frozenset(old for old, targets in TRANSITIONS.items() if new in targets)


def delivery_status(status: Status) -> DeliveryStatus:
    """The reduced form of `status`."""
    match status:
        case _S.SCHEDULED | _S.PENDING | _S.SENDING | _S.RETRYING | _S.UNKNOWN:
            return DeliveryStatus.PENDING
        case _S.SENT | _S.DELIVERED:
            return DeliveryStatus.DELIVERED
        case _S.FAILED | _S.SKIPPED | _S.CANCELLED | _S.EXPIRED:
            return DeliveryStatus.FAILED
        case _:
            assert_never(status)
