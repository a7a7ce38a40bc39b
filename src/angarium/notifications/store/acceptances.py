"""The result of each acceptance of a batch, given which rows are new and which existed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from angarium.contracts.statuses import Status
from angarium.notifications.model import Acceptance, AcceptOutcome, NewNotification
from angarium.notifications.store.arguments import by_key

Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Kept:
    """The row that stands under a key."""

    id: UUID
    fingerprint: bytes
    status: Status
    created_at: datetime


def acceptances(batch: Sequence[NewNotification], kept: Mapping[Key, Kept]) -> list[Acceptance]:
    """An answer for each of `batch`, in order, by what is `kept` under its key.

    Who finds its own id there created the row, now or in a call whose answer was lost.
    """
    seen: set[Key] = set()
    answers = []
    for new in batch:
        key = by_key(new)
        row = kept[key]
        outcome = _outcome(new, row, again=key in seen)
        seen.add(key)
        answers.append(Acceptance(outcome, row.id, row.status, row.created_at))
    return answers


def missing(batch: Iterable[NewNotification], kept: Mapping[Key, Kept]) -> list[NewNotification]:
    """Those under whose key nothing stands."""
    return [new for new in batch if by_key(new) not in kept]


def _outcome(new: NewNotification, row: Kept, *, again: bool) -> AcceptOutcome:
    if row.fingerprint != new.fingerprint:
        return AcceptOutcome.CONFLICT
    return AcceptOutcome.REPLAYED if again or row.id != new.id else AcceptOutcome.CREATED
