"""Erases users in other services: durable, and repeated until it is done."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from http import HTTPStatus
from uuid import UUID

from pydantic import ValidationError

from angarium.contracts.envelope import Envelope
from angarium.contracts.errors import Transient
from angarium.contracts.users import ErasureAnswer, ErasureRequest
from angarium.platform.caching import LocalCache
from angarium.platform.http.client.client import ServiceClient
from angarium.platform.loop import Loop
from angarium.platform.runtime import Runtime
from angarium.services.users.erasures.store import Pending, PendingErasures

PATH = "/internal/v1/erasures"
BATCH = 100
RETRY_SECONDS = 5.0
"""Seconds before a failed call is repeated."""
SETTLED = timedelta(seconds=60)
"""Time after an announcement until no process uses cached data of the user to accept or send; then the last pass runs.
By then everything accepted just before is recorded, and a listener that was disconnected at the time has noticed that
and cleared its cache."""
MOST_ANNOUNCED = 10_000
REMEMBERED = timedelta(hours=1)
"""How long a process remembers an announcement, before it announces and waits again."""
FAULTY = timedelta(minutes=15)
"""How long an erasure waits after an unexpected error."""
_ANSWERS = frozenset({HTTPStatus.OK, HTTPStatus.ACCEPTED})
_ANSWER = Envelope[ErasureAnswer]


class NotErased(Transient):
    """The gateway did not erase"""


class Erasures(Loop):
    """Processes `pending_erasures`. Any number may run at once, since erasures are idempotent.

    `forget` (tenant, user) removes them from the cache and announces that; it returns whether the cache accepted the
    announcement. It is called in each pass, since a copy may have been written again, or the process that deleted them
    may have ended while the cache was down. Listeners cache contacts for minutes, so an erasure ends only `SETTLED`
    after a successful announcement. Call `wake` after a user was deleted.
    """

    name = "erasures"
    pause = 5.0
    longest_back_off = 5.0

    def __init__(
        self,
        store: PendingErasures,
        gateway: ServiceClient,
        runtime: Runtime,
        *,
        forget: Callable[[str, UUID], Awaitable[bool]],
    ) -> None:
        super().__init__()
        self._store = store
        self._forget = forget
        self._gateway = gateway
        self._clock = runtime.clock
        self._logger = runtime.logger
        self._announced: LocalCache[UUID, datetime] = LocalCache(
            runtime.clock, max_entries=MOST_ANNOUNCED, ttl=REMEMBERED
        )

    async def once(self) -> bool:
        """Erase the due users. Raises Transient."""
        await self.erase_due()
        return False

    async def erase_due(self) -> int:
        """Erase the due users; return how many are completed. Raises Transient."""
        done = 0
        for pending in await self._store.due(self._clock.now(), limit=BATCH):
            try:
                done += await self._erase(pending)
            except Transient:
                raise
            except Exception:  # it is postponed, so that it does not block others
                self._logger.exception("user.not_erased", user_id=str(pending.user_id))
                await self._store.postpone(pending, self._clock.now() + FAULTY)
        return done

    async def _erase(self, pending: Pending) -> bool:
        """Whether that was the last pass."""
        asked = self._clock.now()
        settles = await self._announce(pending, asked)
        await self._store.empty_log()
        try:
            answer = await self._ask(pending)
        except NotErased as error:
            self._logger.warning("user.not_erased", user_id=str(pending.user_id), error=str(error))
            await self._store.postpone(pending, asked + timedelta(seconds=RETRY_SECONDS))
            return False
        begun = asked - timedelta(seconds=answer.age)
        if answer.done and not answer.sending and settles is not None and begun >= settles:
            await self._store.remove(pending)
            return True
        again = asked + timedelta(seconds=RETRY_SECONDS)
        await self._store.postpone(pending, max(again, settles) if answer.done and settles is not None else again)
        return False

    async def _announce(self, pending: Pending, now: datetime) -> datetime | None:
        """Announce the user again; return when the last pass may run, None without a successful announcement."""
        taken = await self._forget(pending.tenant, pending.user_id)
        announced = self._announced.peek(pending.user_id)
        if announced is None and taken:
            announced = now
            self._announced.put(pending.user_id, announced)
        return None if announced is None else announced + SETTLED

    async def _ask(self, pending: Pending) -> ErasureAnswer:
        body = ErasureRequest(user_id=pending.user_id).model_dump_json().encode()
        try:
            answer = await self._gateway.post(PATH, tenant=pending.tenant, content=body)
            if answer.status_code not in _ANSWERS:
                raise NotErased(f"the gateway answered {answer.status_code}")
            return _ANSWER.model_validate_json(answer.content).data
        except (Transient, ValidationError) as error:
            raise NotErased(str(error) if isinstance(error, NotErased) else type(error).__name__) from error
