"""A provider's answer as a value, which is matched once.

Every `answer` is the provider's short answer (`550 5.1.1 no such user`), without addresses and secrets.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Sent:
    """The provider accepted the message."""

    answer: str
    provider_message_id: str | None = None


@dataclass(frozen=True, slots=True)
class Retry:
    """Another attempt may succeed, not before `after` if the provider named a time.

    `provider_fault`: it concerns the provider (a timeout, a 5xx), not the recipient; the breaker counts it.
    `unreachable`: the connection failed, or ended before the request.
    """

    answer: str
    after: timedelta | None = None
    provider_fault: bool = True
    unreachable: bool = False


@dataclass(frozen=True, slots=True)
class Permanent:
    """A permanent refusal of this message; with `suppress`, of this address. `code` is the contract's reason.

    `opted_out`: the recipient unsubscribed at the provider, which they can revoke.
    """

    answer: str
    suppress: bool = False
    code: str = "permanent"
    opted_out: bool = False


@dataclass(frozen=True, slots=True)
class Configuration:
    """The provider refuses our credentials or account: pause it, keep the messages, alert."""

    answer: str


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """The request was sent and the answer was lost: the message may have been sent."""

    answer: str


OUTCOME_WORDS = ("sent", "retry", "suppress", "permanent", "configuration", "ambiguous")
"""What `outcome_word` gives."""
Outcome = Sent | Retry | Permanent | Configuration | Ambiguous


def outcome_word(outcome: Outcome) -> str:
    """The outcome's name in the contract, the timeline and metrics."""
    match outcome:
        case Sent():
            return "sent"
        case Retry():
            return "retry"
        case Permanent(suppress=True):
            return "suppress"
        case Permanent():
            return "permanent"
        case Configuration():
            return "configuration"
        case Ambiguous():
            return "ambiguous"


def strength(outcome: Outcome) -> int:
    """Rank the outcomes of a notification with several addresses: it is sent if one of them accepts.

    Otherwise a retryable outcome ranks above a permanent one, and an ambiguous one above both.
    """
    return _STRENGTH[type(outcome)]


_STRENGTH: Mapping[type[Outcome], int] = MappingProxyType(
    {Permanent: 0, Configuration: 1, Retry: 2, Ambiguous: 3, Sent: 4}
)
