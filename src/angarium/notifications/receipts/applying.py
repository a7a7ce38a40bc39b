"""Applies stored receipts to notifications and to the suppression list.

A receipt has two effects. The effect on the address applies at once, independently of the notification. The effect on
the notification waits until the result of the send is recorded.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from angarium.contracts.errors import Transient
from angarium.contracts.statuses import UNFINISHED, Status
from angarium.contracts.suppressions import SUPPRESSIBLE, SuppressionReason, suppressible_address
from angarium.notifications.look_back import LookBack
from angarium.notifications.model import Event
from angarium.notifications.providers.reputation_store import add_totals
from angarium.notifications.receipt import FAILURES, Pending, Receipt, ReceiptKind
from angarium.notifications.receipts.counting import totals_of
from angarium.notifications.receipts.moving import ReportMoves
from angarium.notifications.store.held_reports import Report
from angarium.notifications.store.port import NotificationStore
from angarium.notifications.store.receipt_targets import About, append_event, find_notifications
from angarium.notifications.store.receipts import GONE, ReceiptStore, note
from angarium.notifications.suppressions.model import NewSuppression, Target
from angarium.notifications.suppressions.store import SuppressionStore
from angarium.platform.database.engine import writing
from angarium.platform.loop import Loop
from angarium.platform.runtime import Runtime

BATCH = 200
AT_ONCE = 4
"""Notifications whose receipts are applied concurrently."""
LEASE = timedelta(seconds=30)
"""Lease of a gateway on a batch."""
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=0.5), timedelta(seconds=60)
"""Bounds of the wait of an early receipt, which is checked again when it is twice as old."""
UNMATCHED_FOR = timedelta(hours=1)
"""How long a receipt waits for a notification with the provider's id. Longer than any send takes until it is
recorded."""
_REASONS: Mapping[ReceiptKind, SuppressionReason] = {
    ReceiptKind.HARD_BOUNCE: SuppressionReason.HARD_BOUNCE,
    ReceiptKind.COMPLAINED: SuppressionReason.COMPLAINT,
    ReceiptKind.OPTED_OUT: SuppressionReason.OPT_OUT,
}
_SET_ASIDE = "receipt.set_aside"


class ApplyReceipts(Loop):
    """Any number may run at once; each receipt is applied once. Call `wake` when receipts were stored."""

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
        self._look_back = LookBack(runtime.clock)

    async def once(self) -> bool:
        """Apply a batch; True: there may be more. Raises Transient."""
        due = await self._receipts.take(BATCH, lease=LEASE, back=self._look_back.begin())
        self._look_back.end(whole=len(due) < BATCH)
        if due:
            about = await find_notifications(self._engine, [pending.receipt for pending in due])
            await self._apply([self._step(pending, about.get(pending.receipt.key)) for pending in due])
        return len(due) >= BATCH

    def _step(self, pending: Pending, about: About | None) -> "_Step":
        receipt, again_at = pending.receipt, None
        if about is None:  # without our reference it may be early: the provider's id is known with the result
            age = self._clock.now() - pending.received_at
            if receipt.notification_id is None and age < UNMATCHED_FOR:
                again_at = self._again_at(pending)
        elif about.status in UNFINISHED:
            again_at = self._again_at(pending)
        return _Step(pending, about, None if about is None else _target(receipt, about), again_at)

    async def _apply(self, steps: Sequence["_Step"]) -> None:
        """Apply the statuses one by one, then the rest of the batch. A failure does not affect the others."""
        unmatched = [step for step in steps if step.about is None]
        groups: dict[UUID, list[_Step]] = {}
        for step in steps:
            if step.about is not None:
                groups.setdefault(step.about.id, []).append(step)
        outcomes = await asyncio.gather(*map(self._move_all, groups.values()), return_exceptions=True)
        moved = [step for outcome in outcomes if not isinstance(outcome, BaseException) for step in outcome]
        await self._put_aside(unmatched)
        if moved:
            await self._finish(sorted(moved, key=_order))
        for outcome in outcomes:
            if isinstance(outcome, BaseException):  # from the store: these are taken again when their lease expires
                raise outcome

    async def _move_all(self, group: Sequence["_Step"]) -> Sequence["_Step"]:
        """Apply the receipts of one notification to its status, in order.

        A receipt that cannot be applied is postponed.
        """
        moved = []
        async with self._places:
            for step in group:
                try:
                    moved.append(await self._moved(step))
                except Transient:
                    raise
                except Exception:
                    self._logger.exception(_SET_ASIDE, receipt=step.pending.receipt.key)
                    await self._postpone(step)
        return moved

    async def _moved(self, step: "_Step") -> "_Step":
        """The step with the status before the receipt changed it."""
        receipt, about = step.pending.receipt, step.about
        if about is None or step.again_at is not None or _of_a_copy(step):
            return step
        if receipt.kind is ReceiptKind.DELIVERED:
            status = Status.DELIVERED
        elif receipt.kind in FAILURES:
            status = Status.FAILED
        else:
            return step
        report = Report(
            notification_id=about.id,
            tenant=about.tenant,
            status=status,
            reported_by=receipt.provider,
            reported_at=receipt.at,
            error=receipt.reason or None,
        )
        return replace(step, before=await self._moves.apply(report))

    async def _finish(self, steps: Sequence["_Step"]) -> None:
        """Update addresses and timelines, and finish the receipts. After a failure, each is done separately."""
        try:
            await self._suppress(steps)
            await self._write(steps)
        except Transient:
            raise
        except Exception:
            if len(steps) == 1:
                self._logger.exception(_SET_ASIDE, receipt=steps[0].pending.receipt.key)
                await self._postpone(steps[0])
                return
            for step in steps:
                await self._finish([step])

    async def _suppress(self, steps: Sequence["_Step"]) -> None:
        """Add suppressions. Idempotent, so it needs no transaction with the receipts."""
        news = [new for step in steps if (new := _suppression(step)) is not None]
        if news:
            await self._suppressions.add_many(news)
        for step in steps:
            if step.about is not None and _suppression(step) is not None:
                self._logger.info(
                    "address.suppressed",
                    notification_id=str(step.about.id),
                    channel=step.about.channel,
                    provider=step.pending.receipt.provider,
                    reason=_REASONS[step.pending.receipt.kind],
                )

    async def _write(self, steps: Sequence["_Step"]) -> None:
        keys = {step.target: await self._suppressions.key_of(step.target) for step in steps if step.target is not None}
        async with writing(self._engine) as connection:
            noted = await note(connection, {step.pending.receipt.key: step.again_at for step in steps})
            first = [step for step in steps if noted.get(step.pending.receipt.key, GONE).first]
            await self._count(connection, first, keys)
            for step in steps:
                last = noted.get(step.pending.receipt.key, GONE).last
                event = _event(step.pending.receipt, step.before) if last else None
                if step.about is not None and event is not None:
                    await append_event(connection, self._clock, step.about.id, event)
            if counted := totals_of((step.pending.receipt, step.about) for step in first if step.about is not None):
                await add_totals(connection, self._clock, counted)
        for step in first:
            if step.about is not None and step.again_at is not None:
                self._logger.info("receipt.held", notification_id=str(step.about.id), kind=step.pending.receipt.kind)

    async def _count(self, connection: AsyncConnection, steps: Sequence["_Step"], keys: Mapping[Target, str]) -> None:
        """Count consecutive soft bounces in the order of the events. Deliveries are batched where possible."""
        ended: set[str] = set()
        for step in steps:
            receipt, about, target = step.pending.receipt, step.about, step.target
            if about is None or target is None:
                continue
            key = keys[target]
            if receipt.kind is ReceiptKind.DELIVERED:
                ended.add(key)
            elif receipt.kind is ReceiptKind.SOFT_BOUNCE:
                if key in ended:
                    ended.remove(key)
                    await self._suppressions.forget_soft_bounces(connection, [key])
                await self._suppressions.count_soft_bounce(connection, key, target, receipt.provider, about.user_id)
        if ended:
            await self._suppressions.forget_soft_bounces(connection, sorted(ended))

    async def _put_aside(self, steps: Sequence["_Step"]) -> None:
        """Postpone receipts without a notification while they may be early; otherwise finish them."""
        if not steps:
            return
        async with writing(self._engine) as connection:
            await note(connection, {step.pending.receipt.key: step.again_at for step in steps})
        for step in steps:
            if step.again_at is None:
                receipt = step.pending.receipt
                self._logger.info("receipt.unmatched", provider=receipt.provider, kind=receipt.kind)

    async def _postpone(self, step: "_Step") -> None:
        await self._receipts.postpone(step.pending, self._clock.now() + LONGEST_WAIT)

    def _again_at(self, pending: Pending) -> datetime:
        now = self._clock.now()
        return now + min(max(now - pending.received_at, FIRST_WAIT), LONGEST_WAIT)


@dataclass(frozen=True, slots=True)
class _Step:
    """A receipt being applied. `again_at`: it is early and is checked again then; `before`: the status before it."""

    pending: Pending
    about: About | None
    target: Target | None
    again_at: datetime | None
    before: Status | None = None


def _order(step: _Step) -> tuple[datetime, str]:
    return (step.pending.receipt.at, step.pending.receipt.key)


def _of_a_copy(step: _Step) -> bool:
    """Whether it is about a cc or bcc recipient, and so affects the address but not the notification."""
    return step.about is not None and step.target is not None and step.target.address.lower() in step.about.copies


def _suppression(step: _Step) -> NewSuppression | None:
    """The suppression that the receipt adds, unless it was added before."""
    receipt = step.pending.receipt
    reason = _REASONS.get(receipt.kind)
    if reason is None or step.about is None or step.target is None or step.pending.noted:
        return None
    user_id = None if _of_a_copy(step) else step.about.user_id
    return NewSuppression(target=step.target, reason=reason, source=receipt.provider, user_id=user_id)


def _target(receipt: Receipt, about: About) -> Target | None:
    """The address in the form to send to; None if it is invalid or cannot be suppressed."""
    if receipt.address is None or about.channel not in SUPPRESSIBLE:
        return None
    try:
        return Target(about.tenant, about.channel, suppressible_address(about.channel, receipt.address))
    except ValueError:
        return None


def _event(receipt: Receipt, old: Status | None) -> Event | None:
    """The timeline event of a receipt that changes no status."""
    data = {"by": receipt.provider} | ({"reason": receipt.reason} if receipt.reason else {})
    if receipt.kind in {ReceiptKind.COMPLAINED, ReceiptKind.OPTED_OUT}:
        return Event(str(receipt.kind), receipt.at, data)
    if receipt.kind in FAILURES and old is Status.DELIVERED:
        return Event("bounced", receipt.at, data)
    return None
