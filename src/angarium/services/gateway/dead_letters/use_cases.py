"""Replays and discards of dead letters."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

from angarium.contracts.dead_letters import DeadLetterFilter, ReplayRequest, ReplayResult
from angarium.contracts.errors import Transient
from angarium.notifications.store.port import NotificationStore
from angarium.notifications.store.read.dead_letters import DeadLetterReader
from angarium.platform.runtime import Runtime
from angarium.services.gateway.audit.log import AuditLog
from angarium.services.gateway.audit.store import Actor

BATCH = 500
PATIENCE = 10.0
"""Seconds that a caller waits for a rate-limited replay; the rest continues in the background."""
STEP = 0.1
"""Seconds of the rate per batch."""


class Replays:
    """Replays dead letters. Concurrent requests replay each only once, as the store decides."""

    def __init__(
        self, *, store: NotificationStore, reader: DeadLetterReader, audit: AuditLog, runtime: Runtime
    ) -> None:
        self._store = store
        self._reader = reader
        self._audit = audit
        self._clock = runtime.clock
        self._logger = runtime.logger
        self._going_on: set[asyncio.Task[None]] = set()

    async def one(self, actor: Actor, letter_id: UUID) -> bool:
        """Replay one dead letter; False if it does not exist or has no failed notification."""
        if not await self._replay(actor, [letter_id]):
            return False
        await self._audit.record(actor, "dead_letter.replayed", letter_id)
        return True

    async def matching(self, actor: Actor, request: ReplayRequest) -> ReplayResult:
        """Replay all matching dead letters, at the requested rate.

        `replayed` counts those already replayed when this returns. A rate-limited replay that takes longer than the
        caller waits continues in this process; if the process ends, the remaining dead letters stay on the list.
        """
        letters = await self._reader.matching(actor.caller.tenant, request.wanted)
        if request.dry_run or not letters:
            return ReplayResult(matched=len(letters), replayed=0, dry_run=request.dry_run)
        await self._audit.write(self._audit.entry(actor, "dead_letters.replayed", _words(request.wanted)))
        prompt = _prompt_part(len(letters), request.rate_per_second)
        replayed = await self._pace(actor, letters[:prompt], request.rate_per_second)
        if prompt < len(letters):
            self._go_on(actor, letters[prompt:], request.rate_per_second)
        return ReplayResult(matched=len(letters), replayed=replayed, dry_run=False)

    async def discard(self, actor: Actor, letter_id: UUID) -> bool:
        """Delete a dead letter; False if it does not exist."""
        if not await self._store.discard([letter_id], tenant=actor.caller.tenant):
            return False
        await self._audit.record(actor, "dead_letter.discarded", letter_id)
        return True

    async def close(self) -> None:
        """Cancel running replays; the remaining dead letters stay on the list."""
        for task in self._going_on:
            task.cancel()
        await asyncio.gather(*self._going_on, return_exceptions=True)

    def _go_on(self, actor: Actor, letters: Sequence[UUID], rate: float | None) -> None:
        task = asyncio.create_task(self._rest(actor, letters, rate))
        self._going_on.add(task)
        task.add_done_callback(self._going_on.discard)

    async def _rest(self, actor: Actor, letters: Sequence[UUID], rate: float | None) -> None:
        try:
            await self._pace(actor, letters, rate)
        except Transient as error:
            self._logger.warning("replay.cut_off", error=type(error).__name__)

    async def _pace(self, actor: Actor, letters: Sequence[UUID], rate: float | None) -> int:
        size = BATCH if rate is None else max(1, min(BATCH, int(rate * STEP)))
        replayed = 0
        for start in range(0, len(letters), size):
            if start and rate is not None:
                await self._clock.sleep(size / rate)
            replayed += await self._replay(actor, letters[start : start + size])
        return replayed

    async def _replay(self, actor: Actor, letters: Sequence[UUID]) -> int:
        replayed = await self._store.replay(letters, tenant=actor.caller.tenant)
        for letter_id in replayed:
            self._logger.info("notification.replayed", dead_letter_id=str(letter_id), tenant=actor.caller.tenant)
        return len(replayed)


def _prompt_part(count: int, rate: float | None) -> int:
    """How many of `count` dead letters are replayed while the caller waits."""
    return count if rate is None else min(count, max(1, int(rate * PATIENCE)))


def _words(wanted: DeadLetterFilter) -> str:
    return wanted.model_dump_json(exclude_none=True)
