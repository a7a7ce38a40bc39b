"""Compares what was accepted, what the record shows and what the provider received, after a fault."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

_ARRIVED = frozenset({"sent", "delivered"})


@dataclass(frozen=True, slots=True)
class Account:
    """The result of the comparison: counts of notifications, except `duplicated` and `unexpected`, which count mails.

    `lost`: accepted but not sent, or recorded as sent but never received. `ambiguous`: ended as `unknown`.
    `unexpected`: mails without an observed 202.
    """

    attempted: int
    accepted: int
    lost: int
    duplicated: int
    unexpected: int
    ambiguous: int


@dataclass(slots=True)
class Ledger:
    """Collects attempted and accepted requests; `account` compares."""

    attempted: int = 0
    accepted: set[str] = field(default_factory=set)

    def accept(self, ids: Iterable[str], *, attempted: int | None = None) -> None:
        """Note accepted ids; `attempted`: the number of requests."""
        before = len(self.accepted)
        self.accepted.update(ids)
        self.attempted += len(self.accepted) - before if attempted is None else attempted

    def account(self, statuses: Mapping[str, str], received: Mapping[str, int]) -> Account:
        """Compare with the record's `statuses` and the mails `received`, both by notification."""
        unknown = {id_ for id_ in self.accepted if statuses.get(id_) == "unknown"}
        arrived = {id_ for id_ in self.accepted if statuses.get(id_) in _ARRIVED and received.get(id_, 0) > 0}
        mine: Counter[str] = Counter({id_: received.get(id_, 0) for id_ in self.accepted})
        return Account(
            attempted=self.attempted,
            accepted=len(self.accepted),
            lost=len(self.accepted - arrived - unknown),
            duplicated=sum(count - 1 for count in mine.values() if count > 1),
            unexpected=sum(count for id_, count in received.items() if id_ in statuses and id_ not in self.accepted),
            ambiguous=len(unknown),
        )
