"""Posts due callbacks to their endpoints.

Each host has its own limit of attempts, so that a slow one does not delay others, and each tenant its share, so that
many slow hosts delay only their own tenant.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

from angarium.contracts.errors import Transient
from angarium.platform.batching import GroupCommit
from angarium.platform.loop import Loop
from angarium.platform.runtime import Runtime
from angarium.platform.shares import Shares
from angarium.services.gateway.callbacks.model import Answer, Attempted, Callback, State
from angarium.services.gateway.callbacks.schedule import SCHEDULE, next_wait
from angarium.services.gateway.callbacks.sending import CallbackSender
from angarium.services.gateway.callbacks.store import CallbackStore

AT_ONCE = 256
"""Maximum concurrent attempts in this process."""
AT_ONCE_TO_A_HOST = 8
AT_ONCE_TO_AN_AILING_HOST = 1
AILING = 3
"""Consecutive failures after which a host counts as failing."""
REMEMBERED = 10_000
"""Upper bound of hosts whose failures are counted."""
LEASE = timedelta(seconds=60)
"""Longer than an attempt and recording it can take."""
DRAIN = 3.0
"""Seconds for running attempts at the end of the process; cancelled ones are repeated."""
_GONE = 410


class CallbackDispatcher(Loop):
    """Any number may run at once: each callback is leased to one of them at a time."""

    name = "callbacks"
    pause = 0.25

    def __init__(
        self,
        *,
        store: CallbackStore,
        sender: CallbackSender,
        runtime: Runtime,
        schedule: Sequence[timedelta] = SCHEDULE,
    ) -> None:
        super().__init__()
        self._store = store
        self._sender = sender
        self._clock = runtime.clock
        self._logger = runtime.logger
        self._schedule = schedule
        self._under_way: Counter[str] = Counter()
        self._tenants = Shares(AT_ONCE)
        runtime.metrics.largest_tenant_share.labels("callbacks").set_function(lambda: self._tenants.largest)
        self._failures: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self._records: GroupCommit[Attempted, bool] = GroupCommit(self._record, limit=100, flushers=1)

    async def once(self) -> bool:
        """Start an attempt for each due callback within the limits; return whether there was any.

        Raises the store's errors.
        """
        room = AT_ONCE - len(self._tasks)
        if room <= 0:
            return False
        crowded = [origin for origin in self._under_way if self._room_for(origin) <= 0]
        leased = await self._store.lease(
            room,
            lease=LEASE,
            room_for=self._room_for,
            room_of=self._tenants.room,
            crowded=crowded,
            full=self._tenants.without_room(),
        )
        for callback in leased:
            self._start(callback)
        return bool(leased)

    async def drain(self) -> None:
        """Let running attempts end; slower ones are left to their lease. Call it once the loop has ended."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=DRAIN)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._records.drain()

    def _room_for(self, origin: str) -> int:
        most = AT_ONCE_TO_AN_AILING_HOST if self._failures[origin] >= AILING else AT_ONCE_TO_A_HOST
        return most - self._under_way[origin]

    def _start(self, callback: Callback) -> None:
        self._under_way[callback.origin] += 1
        self._tenants.take(callback.tenant)
        task = asyncio.create_task(self._deliver(callback))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, callback: Callback) -> None:
        try:
            answer = await self._ask(callback)
        finally:
            self._leave(callback)
        attempted = self._judge(callback, answer)
        try:
            kept = await self._records.submit(attempted)
        except Transient as error:
            # Its lease expires, and it is delivered again: at least once.
            self._logger.warning("callback.not_recorded", callback_id=str(callback.id), error=type(error).__name__)
            return
        if kept:
            self._tell(attempted)

    async def _ask(self, callback: Callback) -> Answer:
        if callback.disabled:
            return Answer(self._clock.now(), 0, error="the endpoint is disabled")
        answer = await self._sender.send(callback)
        self._remember(callback.origin, failed=answer.error is not None)
        return answer

    def _leave(self, callback: Callback) -> None:
        origin = callback.origin
        self._tenants.give_back(callback.tenant)
        self._under_way[origin] -= 1
        if not self._under_way[origin]:
            del self._under_way[origin]
        self.wake()  # there is room

    def _remember(self, origin: str, *, failed: bool) -> None:
        if not failed:
            self._failures.pop(origin, None)
            return
        failures = self._failures.pop(origin, 0) + 1
        if len(self._failures) >= REMEMBERED:
            del self._failures[next(iter(self._failures))]  # the one that failed longest ago
        self._failures[origin] = failures

    def _judge(self, callback: Callback, answer: Answer) -> Attempted:
        if answer.error is None:
            return Attempted(callback=callback, answer=answer, state=State.DELIVERED)
        if callback.disabled or answer.status_code == _GONE:
            return Attempted(callback=callback, answer=answer, state=State.DISABLED)
        wait = next_wait(callback.tries + 1, answer.retry_after, self._schedule)
        state = State.FAILED if wait is None else State.PENDING
        return Attempted(callback=callback, answer=answer, state=state, wait=wait)

    async def _record(self, batch: Sequence[Attempted]) -> Sequence[bool]:
        kept, disabled = await self._store.record(batch)
        for attempted in disabled:
            self._logger.error(
                "callback.endpoint_disabled",
                tenant=attempted.callback.tenant,
                endpoint=attempted.callback.endpoint_hash,
                host=attempted.callback.origin,
                reason="it answered 410" if attempted.gone else "it has failed for days",
                correlation_id=attempted.callback.correlation_id,
            )
        return [attempted.callback.id in kept for attempted in batch]

    def _tell(self, attempted: Attempted) -> None:
        callback, answer = attempted.callback, attempted.answer
        about = {
            "notification_id": str(callback.notification_id),
            "callback_id": str(callback.id),
            "status": callback.status.value,
            "host": callback.origin,
            "attempt": callback.tries + 1,
            "status_code": answer.status_code,
            "correlation_id": callback.correlation_id,
        }
        if attempted.state is State.DELIVERED:
            self._logger.info("callback.delivered", duration_ms=answer.duration_ms, **about)
        else:
            wait = None if attempted.wait is None else attempted.wait.total_seconds()
            self._logger.warning(
                "callback.failed", reason=answer.error, state=attempted.state.value, retry_in_seconds=wait, **about
            )
