# ruff: noqa: S608 - what is put into these strings are constants of this package; every value is an argument
"""The claim on MariaDB and MySQL."""

from collections.abc import Collection, Sequence
from datetime import timedelta
from functools import partial
from uuid import UUID

import msgspec

from angarium.notifications.model import LeaseOf, Renewed, Verdict
from angarium.notifications.store import timing
from angarium.notifications.store.mysql.sql import (
    NOW,
    NOW_TEXT,
    Database,
    Row,
    append,
    domain,
    event_now,
    id_list,
    micros,
    names,
)
from angarium.notifications.store.record import Use, used
from angarium.notifications.store.rows import claimed, refused
from angarium.platform.database.mysql_pool import Session

_encode = msgspec.json.Encoder().encode
_AGAIN = "status = 'sending' AND claim_token = %s"
_EVENT = f"""CONCAT(
    ',{{"event":"claimed","at":"', {NOW_TEXT}, '","attempt":', attempts + 1, ',"worker":', %s, '}}]')"""
_UNTIL = f"{NOW} + INTERVAL %s MICROSECOND"

CLAIM = f"""
UPDATE notifications FORCE INDEX (PRIMARY) SET
    events = IF({_AGAIN}, events, {append(_EVENT)}),
    attempts = attempts + IF({_AGAIN}, 0, 1),
    status = 'sending',
    claim_token = %s,
    lease_until = {_UNTIL},
    due_at = NULL,
    sweep_at = {_UNTIL},
    updated_at = {NOW}
WHERE id IN %s
  AND (status IN ('pending', 'retrying') AND (due_at IS NULL OR due_at <= {NOW})
       OR status = 'sending' AND lease_until <= {NOW} AND policy <> 'at_most_once'
       OR {_AGAIN} AND lease_until > {NOW})
"""
"""Takes rows that are pending, due, or have an expired lease, and rows already claimed with this token, if the answer
was lost."""

CLAIMED = f"""
SELECT {names(used(Use.CLAIMED))}, status, attempts AS attempt, expires_at <= {NOW} AS expired,
    IF(attempts > 1, events, NULL) AS history,
    COALESCE({_AGAIN} AND (policy <> 'at_most_once' OR lease_until > {NOW}), 0) AS mine,
    COALESCE(status = 'sending' AND lease_until <= {NOW} AND policy = 'at_most_once', 0) AS lost,
    COALESCE(TIMESTAMPDIFF(MICROSECOND, {NOW}, IF(status = 'sending', lease_until, due_at)), 0) AS wait
FROM notifications FORCE INDEX (PRIMARY) WHERE id IN %s
"""
"""Reads the rows that CLAIM took, even if their lease has already expired, and the reasons for the others."""

GIVE_UP = f"""
UPDATE notifications FORCE INDEX (PRIMARY) SET
    status = 'unknown', lease_until = NULL, sweep_at = NULL, updated_at = {NOW},
    reason_code = '{timing.GIVEN_UP_CODE}', reason_message = '{timing.GIVEN_UP_MESSAGE}',
    events = {append(event_now("unknown", status="unknown"))}
WHERE id IN %s AND status = 'sending' AND lease_until <= {NOW} AND policy = 'at_most_once'
"""

HELD = """
SELECT id, claim_token FROM notifications FORCE INDEX (PRIMARY) WHERE id IN %s AND status = 'sending'
"""
LOCK_HELD = f"{HELD} FOR UPDATE SKIP LOCKED"
"""Skips locked rows: one row locked by an operator's transaction must not let the other leases expire."""
RENEW = f"UPDATE notifications FORCE INDEX (PRIMARY) SET lease_until = {_UNTIL} WHERE id IN %s"
"""`sweep_at` does not change, so no index is updated; the sweeper sees the lease and checks again later."""


async def claim(db: Database, ids: Collection[UUID], token: UUID, lease: timedelta, worker: str) -> Sequence[Verdict]:
    """As `NotificationStore.claim`."""
    wanted = sorted(ids)
    if not wanted:
        return []
    key, until, keys = token.hex, micros(lease), id_list(wanted)
    sweep = until + micros(timing.LEASE_GRACE)
    await db.run(CLAIM, key, _encode(worker).decode(), key, key, until, sweep, keys, key)
    rows = await db.fetch(CLAIMED, key, keys)
    lost = tuple(sorted(row["id"] for row in rows if row["lost"]))
    if lost:
        await db.run(GIVE_UP, lost)
        rows = await db.fetch(CLAIMED, key, keys)
    taken = {UUID(row["id"]): row for row in rows if row["mine"]}
    left = [identifier for identifier in wanted if identifier not in taken]
    refusals = refused(left, [_waiting(row) for row in rows if not row["mine"]])
    return [*(claimed(domain(row), token) for row in taken.values()), *refusals]


async def renew(db: Database, leases: Collection[LeaseOf], lease: timedelta) -> Renewed:
    """As `NotificationStore.renew`."""
    if not leases:
        return Renewed((), ())
    prolonged = await db.transaction(partial(_renew, leases=leases, lease=lease))
    left = set(leases) - prolonged
    held = _held(await db.fetch(HELD, id_list(id_ for id_, _ in left)), left) if left else set()
    return Renewed(prolonged, left - held)


async def _renew(session: Session, leases: Collection[LeaseOf], lease: timedelta) -> set[LeaseOf]:
    mine = _held(await session.fetch(LOCK_HELD, id_list(id_ for id_, _ in leases)), leases)
    if mine:
        await session.run(RENEW, micros(lease), id_list(id_ for id_, _ in mine))
    return mine


def _held(rows: Sequence[Row], leases: Collection[LeaseOf]) -> set[LeaseOf]:
    return {(UUID(row["id"]), UUID(row["claim_token"])) for row in rows} & set(leases)


def _waiting(row: Row) -> Row:
    return {"id": UUID(row["id"]), "status": row["status"], "wait": timedelta(microseconds=row["wait"])}
