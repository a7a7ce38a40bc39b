"""Computes the answer to each acceptance of a batch from the new and the existing rows."""

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
    """The existing row with a key."""

    id: UUID
    fingerprint: bytes
    status: Status
    created_at: datetime


def acceptances(batch: Sequence[NewNotification], kept: Mapping[Key, Kept]) -> list[Acceptance]:
    """An answer for each of `batch`, in order; `kept` has the row of each key.

    A row with the caller's id was created by this call, or by an earlier one whose answer was lost.
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
    """Those whose key has no row."""
    return [new for new in batch if by_key(new) not in kept]


def _outcome(new: NewNotification, row: Kept, *, again: bool) -> AcceptOutcome:
    if row.fingerprint != new.fingerprint:
        return AcceptOutcome.CONFLICT
    return AcceptOutcome.REPLAYED if again or row.id != new.id else AcceptOutcome.CREATED
