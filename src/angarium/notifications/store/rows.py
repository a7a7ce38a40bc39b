"""Converts rows to domain values. Adapters provide UUIDs, aware datetimes, timedeltas and JSON as text."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Any, Protocol
from uuid import UUID

import msgspec

from angarium.contracts.statuses import Channel, Status
from angarium.notifications.messages import work_message
from angarium.notifications.model import (
    Claimed,
    Ended,
    NothingToDo,
    NotNow,
    OutboxKey,
    OutboxKind,
    OutboxMessage,
    SweepReport,
    Verdict,
)
from angarium.notifications.store.acceptances import Kept
from angarium.notifications.store.record import Use, used

_decode = msgspec.json.Decoder().decode
_FIELDS = Claimed.__struct_fields__
_TOKEN = _FIELDS.index("claim_token")
_CLAIMED = ["history" if field == "doubtful" else field for field in _FIELDS if field != "claim_token"]
"""The columns read for a claim, in the order of the fields of Claimed."""
_claimed = itemgetter(*_CLAIMED)
_QUEUED = used(Use.QUEUED)
_CLAIMABLE_LATER = frozenset({Status.PENDING, Status.RETRYING, Status.SENDING})


class Row(Protocol):
    """Values by column name."""

    def __getitem__(self, name: str) -> Any: ...


def kept(row: Row, fingerprint: bytes) -> Kept:
    """The existing row of an acceptance's key."""
    return Kept(row["id"], fingerprint, Status(row["status"]), row["created_at"])


def claimed(row: Row, token: UUID) -> Claimed:
    """Convert a row claimed with `token`: the columns with Use.CLAIMED, `attempt`, `expired`, and `history`.

    `history`: the timeline of a notification with an earlier attempt, or None.
    """
    values = [*_claimed(row)]
    for place, decode in _DECODERS:
        values[place] = decode(values[place])
    values.insert(_TOKEN, token)
    return Claimed(*values)


def _is_doubtful(history: str | None) -> bool:
    return False if history is None else _doubtful(_decode(history))


def _doubtful(events: Sequence[Mapping[str, Any]]) -> bool:
    """Whether an answer of the last attempt was lost. Deferrals without an attempt do not count."""
    last = 0
    doubtful = False
    for event in events:
        if event["event"] == "replayed":
            last, doubtful = 0, False
        elif event["event"] == "attempt" and event.get("outcome") != "configuration":
            number = event.get("attempt", 0)
            doubtful = event.get("outcome") == "ambiguous" or (doubtful and number == last)
            last = number
    return doubtful


_DECODED: Mapping[str, Callable[[Any], Any]] = {
    **{column.name: column.decode for column in used(Use.CLAIMED) if column.decode is not None},
    "expired": bool,
    "history": _is_doubtful,
}
_DECODERS = [(_CLAIMED.index(name), decode) for name, decode in _DECODED.items()]


def refused(ids: Iterable[UUID], rows: Iterable[Row]) -> list[Verdict]:
    """Why each of `ids` was not claimed, from its row (`id`, `status`, `wait`), if it has one."""
    found = {row["id"]: row for row in rows}
    return [_refusal(identifier, found.get(identifier)) for identifier in ids]


def _refusal(identifier: UUID, row: Row | None) -> Verdict:
    if row is None:
        return NothingToDo(identifier, None)
    status = Status(row["status"])
    if status in _CLAIMABLE_LATER:
        return NotNow(identifier, max(row["wait"], timedelta(0)))
    return NothingToDo(identifier, status)


@dataclass(frozen=True, slots=True, kw_only=True)
class _WorkRow:
    id: UUID
    tenant: str
    request_id: str
    channel: Channel
    user_id: str | None
    template_code: str
    template_version: int
    locale: str
    priority: int
    correlation_id: str
    traceparent: str | None
    expires_at: datetime | None


def outbox_message(row: Row, leased_until: datetime) -> OutboxMessage | None:
    """A leased message; None for work whose notification was deleted."""
    key = OutboxKey(row["subject"], OutboxKind(row["kind"]), leased_until)
    if key.kind is OutboxKind.WORK:
        return None if row["id"] is None else msgspec.structs.replace(work_message(_work(row)), key=key)
    return OutboxMessage(
        key=key,
        exchange=row["exchange"],
        routing_key=row["routing_key"],
        body=row["body"],
        correlation_id=row["message_correlation_id"],
    )


def _work(row: Row) -> _WorkRow:
    values = {column.name: row[column.name] for column in _QUEUED}
    return _WorkRow(**values | {"channel": Channel(row["channel"])})


def sweep_report(counts: Mapping[str, int], ended: Iterable[Row]) -> SweepReport:
    """From the counts by verdict, and `id`, `channel` and `verdict` of the rows that ended."""
    return SweepReport(
        released=counts.get("released", 0),
        requeued=counts.get("requeued", 0),
        expired=counts.get("expired", 0),
        unknown=counts.get("unknown", 0),
        left=sum(counts.get(verdict, 0) for verdict in ("left", "wait", "alive", "spared", "queued", "waiting")),
        ended=[Ended(row["id"], Channel(row["channel"]), Status(row["verdict"])) for row in ended],
    )
