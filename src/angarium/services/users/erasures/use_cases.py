"""Carries an erasure to where else a user has left traces: durable, repeated until it is done."""

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
"""Before a call that failed is repeated."""
SETTLED = timedelta(seconds=60)
"""This long after an announcement, no process accepts or sends for the user from what it knew before; then the last
pass. Until then what was accepted just before it has been recorded, and a listener whose connection was gone at
that time has noticed it and forgotten all that it knew."""
MOST_ANNOUNCED = 10_000
REMEMBERED = timedelta(hours=1)
"""How long a process remembers an announcement. After that it announces again, and waits again."""
FAULTY = timedelta(minutes=15)
"""How long an erasure waits that met a fault of the program."""
_ANSWERS = frozenset({HTTPStatus.OK, HTTPStatus.ACCEPTED})
_ANSWER = Envelope[ErasureAnswer]


class NotErased(Transient):
    """The gateway did not erase"""


class Erasures(Loop):
    """Works off `pending_erasures`. Any number may run at once: an erasure may be repeated.

    `forget` (tenant, user) takes them out of the cache and announces that; it says whether the cache took the
    announcement. It is called at each pass: a copy may have come back, or the process that deleted them have ended
    while the cache was away. Listeners keep contacts for minutes, so an erasure ends only `SETTLED` after an
    announcement that was taken. `wake` it when a user was just deleted.
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
        """Erase the users that are due. Raises Transient."""
        await self.erase_due()
        return False

    async def erase_due(self) -> int:
        """Erase the users that are due; how many are done for good. Raises Transient."""
        done = 0
        for pending in await self._store.due(self._clock.now(), limit=BATCH):
            try:
                done += await self._erase(pending)
            except Transient:
                raise
            except Exception:  # it waits, so that it stops no other
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
        """Forget the user once more; from when on a pass is the last one, None while none was taken."""
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
