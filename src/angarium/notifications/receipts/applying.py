"""Applies stored receipts to notifications and to the suppression list.

A receipt has two effects. What it says of the address counts at once, whatever becomes of the notification. What it
says of the notification waits until the result of the send is recorded.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import assert_never

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from angarium.contracts.errors import Transient
from angarium.contracts.statuses import UNFINISHED, Status
from angarium.contracts.suppressions import SUPPRESSIBLE, SuppressionReason, suppressible_address
from angarium.notifications.model import Event
from angarium.notifications.receipt import FAILURES, Pending, Receipt, ReceiptKind
from angarium.notifications.receipts.moving import ReportMoves
from angarium.notifications.store.held_reports import Report
from angarium.notifications.store.port import NotificationStore
from angarium.notifications.store.receipt_targets import About, append_event, find_notifications
from angarium.notifications.store.receipts import ReceiptStore, note
from angarium.notifications.suppressions.model import NewSuppression, Target
from angarium.notifications.suppressions.store import SuppressionStore
from angarium.platform.clock import Clock
from angarium.platform.database.engine import writing
from angarium.platform.loop import Loop
from angarium.platform.runtime import Runtime

BATCH = 200
AT_ONCE = 8
"""Notifications whose receipts are applied concurrently."""
LEASE = timedelta(seconds=30)
"""How long one gateway has a batch for itself."""
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=0.5), timedelta(seconds=60)
"""An early receipt is looked at again when it is twice as old, within these bounds."""
UNMATCHED_FOR = timedelta(hours=1)
"""How long a receipt waits for a notification with the provider's id. Longer than any send takes to be recorded."""
KEPT = timedelta(days=7)
"""How long receipts stay, so that repetitions are recognised. No provider repeats an event for more than three days."""
_REASONS: Mapping[ReceiptKind, SuppressionReason] = {
    ReceiptKind.HARD_BOUNCE: SuppressionReason.HARD_BOUNCE,
    ReceiptKind.COMPLAINED: SuppressionReason.COMPLAINT,
    ReceiptKind.OPTED_OUT: SuppressionReason.OPT_OUT,
}
_PRUNE_EVERY = 300.0


class ApplyReceipts(Loop):
    """Any number may run at once; each receipt counts once. `wake` it when receipts were stored."""

    name = "apply_receipts"
    pause = 0.5
    longest_back_off = 2.0

    def __init__(
        self,
        *,
        engine: AsyncEngine,
        receipts: ReceiptStore,
        store: NotificationStore,
        suppressions: SuppressionStore,
        runtime: Runtime,
    ) -> None:
        super().__init__()
        self._engine = engine
        self._receipts = receipts
        self._moves = ReportMoves(store, runtime.logger)
        self._suppressions = suppressions
        self._clock = runtime.clock
        self._logger = runtime.logger
        self._places = asyncio.Semaphore(AT_ONCE)

    async def once(self) -> bool:
        """Apply a batch; True: there may be more. Raises Transient."""
        due = await self._receipts.take(BATCH, lease=LEASE)
        if due:
            about = await find_notifications(self._engine, [pending.receipt for pending in due])
            groups: dict[object, list[Pending]] = {}
            for pending in due:
                found = about.get(pending.receipt.key)
                groups.setdefault(pending.receipt.key if found is None else found.id, []).append(pending)
            applied = (self._apply_all(group, about) for group in groups.values())
            for outcome in await asyncio.gather(*applied, return_exceptions=True):
                if isinstance(outcome, BaseException):
                    raise outcome
        return len(due) == BATCH

    async def _apply_all(self, group: Sequence[Pending], about: Mapping[str, About]) -> None:
        """The receipts of one notification, in order. One that cannot be applied is postponed and stops no other."""
        async with self._places:
            for pending in group:
                try:
                    await self._apply(pending, about.get(pending.receipt.key))
                except Transient:
                    raise
                except Exception:
                    self._logger.exception("receipt.set_aside", receipt=pending.receipt.key)
                    await self._receipts.postpone(pending, self._clock.now() + LONGEST_WAIT)

    async def _apply(self, pending: Pending, about: About | None) -> None:
        if about is None:
            await self._unmatched(pending)
            return
        early = about.status in UNFINISHED
        old = None if early else await self._moved(pending.receipt, about)
        target = _target(pending.receipt, about)
        if target is not None and not pending.noted:
            await self._suppress(pending.receipt, about, target)
        key = None if target is None else await self._suppressions.key_of(target)  # before the transaction
        async with writing(self._engine) as connection:
            again_at = self._again_at(pending) if early else None
            noted = await note(connection, pending, look_again_at=again_at)
            if noted.first and target is not None and key is not None:
                await self._count(connection, pending.receipt, about, target, key)
            if noted.last and (event := _event(pending.receipt, old)) is not None:
                await append_event(connection, self._clock, about.id, event)
        if early and not pending.noted:
            self._logger.info("receipt.held", notification_id=str(about.id), kind=pending.receipt.kind)

    async def _moved(self, receipt: Receipt, about: About) -> Status | None:
        """The status before the receipt, which may have changed it."""
        if receipt.kind is ReceiptKind.DELIVERED:
            status = Status.DELIVERED
        elif receipt.kind in FAILURES:
            status = Status.FAILED
        else:
            return about.status
        report = Report(
            notification_id=about.id,
            tenant=about.tenant,
            status=status,
            reported_by=receipt.provider,
            reported_at=receipt.at,
            error=receipt.reason or None,
        )
        return await self._moves.apply(report)

    async def _suppress(self, receipt: Receipt, about: About, target: Target) -> None:
        """Idempotent, so it needs no transaction with the receipt."""
        reason = _REASONS.get(receipt.kind)
        if reason is not None:
            new = NewSuppression(target=target, reason=reason, source=receipt.provider, user_id=about.user_id)
            await self._suppressions.add(new)
            self._logger.info(
                "address.suppressed",
                notification_id=str(about.id),
                channel=about.channel,
                provider=receipt.provider,
                reason=reason,
            )

    async def _count(
        self, connection: AsyncConnection, receipt: Receipt, about: About, target: Target, key: str
    ) -> None:
        match receipt.kind:
            case ReceiptKind.SOFT_BOUNCE:
                await self._suppressions.count_soft_bounce(connection, key, target, receipt.provider, about.user_id)
            case ReceiptKind.DELIVERED:
                await self._suppressions.forget_soft_bounces(connection, key)
            case (
                ReceiptKind.HARD_BOUNCE
                | ReceiptKind.BLOCKED
                | ReceiptKind.COMPLAINED
                | ReceiptKind.OPTED_OUT
                | ReceiptKind.DEFERRED
            ):
                return
            case _:
                assert_never(receipt.kind)

    async def _unmatched(self, pending: Pending) -> None:
        """Without our reference it may be early: the provider's id is known once the result is recorded."""
        receipt, now = pending.receipt, self._clock.now()
        if receipt.notification_id is None and now - pending.received_at < UNMATCHED_FOR:
            await self._receipts.postpone(pending, self._again_at(pending))
            return
        async with writing(self._engine) as connection:
            await note(connection, pending, look_again_at=None)
        self._logger.info("receipt.unmatched", provider=receipt.provider, kind=receipt.kind)

    def _again_at(self, pending: Pending) -> datetime:
        now = self._clock.now()
        return now + min(max(now - pending.received_at, FIRST_WAIT), LONGEST_WAIT)


def _target(receipt: Receipt, about: About) -> Target | None:
    """The address in the form to send to; None where it is not one, or cannot be suppressed."""
    if receipt.address is None or about.channel not in SUPPRESSIBLE:
        return None
    try:
        return Target(about.tenant, about.channel, suppressible_address(about.channel, receipt.address))
    except ValueError:
        return None


def _event(receipt: Receipt, old: Status | None) -> Event | None:
    """The line of the timeline for what changes no status."""
    data = {"by": receipt.provider} | ({"reason": receipt.reason} if receipt.reason else {})
    if receipt.kind in {ReceiptKind.COMPLAINED, ReceiptKind.OPTED_OUT}:
        return Event(str(receipt.kind), receipt.at, data)
    if receipt.kind in FAILURES and old is Status.DELIVERED:
        return Event("bounced", receipt.at, data)
    return None


class PruneReceipts(Loop):
    """Deletes receipts that no provider repeats any more."""

    name = "prune_receipts"
    pause = _PRUNE_EVERY

    def __init__(self, receipts: ReceiptStore, clock: Clock) -> None:
        super().__init__()
        self._receipts = receipts
        self._clock = clock

    async def once(self) -> bool:
        """Delete a batch; True: there may be more. Raises Transient."""
        return bool(await self._receipts.prune(self._clock.now() - KEPT))
