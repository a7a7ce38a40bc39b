# ruff: noqa: S608 - what is put into these strings are constants of this package; every value is an argument
"""The claim on SQLite."""

import sqlite3
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from angarium.contracts.statuses import DeliveryPolicy, Status
from angarium.notifications.model import LeaseOf, Renewed, Verdict
from angarium.notifications.store.record import Use, used
from angarium.notifications.store.rows import claimed, refused
from angarium.notifications.store.sqlite.sql import (
    AMONG,
    APPEND,
    appendix,
    domain,
    event_now,
    id_list,
    micros,
    names,
)
from angarium.notifications.store.timing import GIVEN_UP_CODE, GIVEN_UP_MESSAGE, LEASE_GRACE

READ = f"""
SELECT {names(used(Use.CLAIMED))}, status, claim_token, lease_until, due_at, attempts AS attempt,
    expires_at <= :now AS expired, CASE WHEN attempts > 0 THEN events END AS history
FROM notifications WHERE id {AMONG}
"""
CLAIM = f"""
UPDATE notifications SET
    status = 'sending', attempts = attempts + 1, claim_token = :token, lease_until = :until, due_at = NULL,
    sweep_at = :sweep_at, updated_at = :now,
    events = substr(events, 1, length(events) - 1) || :event || (attempts + 1) || :event_end
WHERE id {AMONG}
"""
CLAIM_AGAIN = f"""
UPDATE notifications SET lease_until = :until, sweep_at = :sweep_at, updated_at = :now WHERE id {AMONG}
"""
GIVE_UP = f"""
UPDATE notifications SET
    status = 'unknown', lease_until = NULL, sweep_at = NULL, updated_at = :now, reason_code = '{GIVEN_UP_CODE}',
    reason_message = '{GIVEN_UP_MESSAGE}', events = {APPEND}
WHERE id = :id
"""
_Row = dict[str, Any]
_WAITING = frozenset({Status.PENDING, Status.RETRYING})
RENEW = """
UPDATE notifications SET lease_until = ? WHERE id = ? AND claim_token = ? AND status = 'sending'
"""


def claim(
    connection: sqlite3.Connection, now: int, ids: Collection[UUID], token: UUID, lease: timedelta, worker: str
) -> list[Verdict]:
    """As `NotificationStore.claim`."""
    rows = [domain(row) for row in connection.execute(READ, {"ids": id_list(ids), "now": now})]
    _give_up(connection, now, [row for row in rows if _is_lost(row, now)])
    new = [row for row in rows if _is_claimable(row, now)]
    again = [row for row in rows if _is_mine(row, now, token)]
    _take(connection, new, again, _Terms(token, now, now + micros(lease), worker))
    taken = {row["id"] for row in (*new, *again)}
    left = [row | {"wait": _wait(row, now)} for row in rows if row["id"] not in taken]
    refusals = refused([identifier for identifier in ids if identifier not in taken], left)
    return [*(claimed(row, token) for row in (*new, *again)), *refusals]


def renew(connection: sqlite3.Connection, now: int, leases: Collection[LeaseOf], lease: timedelta) -> Renewed:
    """As `NotificationStore.renew`. There are no row locks, since there is one writer."""
    until = now + micros(lease)
    prolonged = {
        (id_, token) for id_, token in leases if connection.execute(RENEW, (until, id_.hex, token.hex)).rowcount == 1
    }
    return Renewed(prolonged, set(leases) - prolonged)


@dataclass(frozen=True, slots=True)
class _Terms:
    token: UUID
    now: int
    until: int
    worker: str


def _is_claimable(row: _Row, now: int) -> bool:
    if row["status"] in _WAITING:
        return row["due_at"] is None or row["due_at"] <= now
    return _lease_is_over(row, now) and DeliveryPolicy(row["policy"]) is not DeliveryPolicy.AT_MOST_ONCE


def _is_lost(row: _Row, now: int) -> bool:
    return _lease_is_over(row, now) and row["policy"] == DeliveryPolicy.AT_MOST_ONCE


def _is_mine(row: _Row, now: int, token: UUID) -> bool:
    """Whether this token already claimed it, in a call whose answer was lost."""
    return bool(row["status"] == Status.SENDING and row["claim_token"] == token.hex and row["lease_until"] > now)


def _lease_is_over(row: _Row, now: int) -> bool:
    return bool(row["status"] == Status.SENDING and row["lease_until"] <= now)


def _wait(row: _Row, now: int) -> timedelta:
    until = row["lease_until"] if row["status"] == Status.SENDING else row["due_at"]
    return timedelta(microseconds=(until or now) - now)


def _take(connection: sqlite3.Connection, new: Sequence[_Row], again: Sequence[_Row], terms: _Terms) -> None:
    event, event_end = _claimed_event(terms)
    change = {
        "token": terms.token.hex,
        "until": terms.until,
        "sweep_at": terms.until + micros(LEASE_GRACE),
        "now": terms.now,
        "event": event,
        "event_end": event_end,
    }
    connection.execute(CLAIM, change | {"ids": _ids_of(new)})
    if again:
        connection.execute(CLAIM_AGAIN, change | {"ids": _ids_of(again)})
    for row in new:
        row["attempt"] += 1


def _claimed_event(terms: _Terms) -> tuple[str, str]:
    """The appendix of each claim, as the text before and after the attempt's number."""
    text = appendix([event_now("claimed", terms.now, attempt=0, worker=terms.worker)])
    before, name, after = text.partition('"attempt":')
    return before + name, after.removeprefix("0")


def _give_up(connection: sqlite3.Connection, now: int, rows: Iterable[_Row]) -> None:
    added = appendix([event_now("unknown", now, status=Status.UNKNOWN)])
    changes = []
    for row in rows:
        row["status"] = Status.UNKNOWN
        changes.append({"id": row["id"].hex, "now": now, "appendix": added})
    connection.executemany(GIVE_UP, changes)


def _ids_of(rows: Iterable[_Row]) -> str:
    return id_list(row["id"] for row in rows)
