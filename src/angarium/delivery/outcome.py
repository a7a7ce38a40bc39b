"""What a provider answered, as a value that is matched once.

Every `answer` is the provider's own short word (`550 5.1.1 no such user`), free of addresses and secrets.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Sent:
    """The provider took responsibility."""

    answer: str
    provider_message_id: str | None = None


@dataclass(frozen=True, slots=True)
class Retry:
    """Not now; another attempt may succeed, not before `after` where the provider said so.

    `provider_fault`: it speaks about the provider (a timeout, a 5xx), not about the recipient; the breaker counts it.
    `unreachable`: no connection could be made, or it ended before the request.
    """

    answer: str
    after: timedelta | None = None
    provider_fault: bool = True
    unreachable: bool = False


@dataclass(frozen=True, slots=True)
class Permanent:
    """Never for this message; with `suppress`, never again for this address. `code` is the contract's reason.

    `opted_out`: the provider refuses since the recipient asked it for no more messages, which they may take back.
    """

    answer: str
    suppress: bool = False
    code: str = "permanent"
    opted_out: bool = False


@dataclass(frozen=True, slots=True)
class Configuration:
    """The provider refuses us (credentials, account): pause it, keep the messages, alert."""

    answer: str


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """The request went out and the answer was lost: it may have been sent."""

    answer: str


OUTCOME_WORDS = ("sent", "retry", "suppress", "permanent", "configuration", "ambiguous")
"""What `outcome_word` gives."""
Outcome = Sent | Retry | Permanent | Configuration | Ambiguous


def outcome_word(outcome: Outcome) -> str:
    """The contract's word for an outcome, as in the timeline and in metrics."""
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
    """Ranks the outcomes of a notification that went to several addresses: it is sent when one accepts.

    Else the hope to try again wins over a refusal for good, and doubt over both.
    """
    return _STRENGTH[type(outcome)]


_STRENGTH: Mapping[type[Outcome], int] = MappingProxyType(
    {Permanent: 0, Configuration: 1, Retry: 2, Ambiguous: 3, Sent: 4}
)
