"""Carries an erasure to where else a user has left traces: durable, repeated until it is done."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from http import HTTPStatus
from uuid import UUID

from pydantic import ValidationError

from angarium.contracts.envelope import Envelope
from angarium.contracts.errors import Transient
from angarium.contracts.users import ErasureAnswer, ErasureRequest
from angarium.platform.clock import Clock
from angarium.platform.http.client.client import ServiceClient
from angarium.platform.telemetry.logging import Logger
from angarium.services.users.erasures.store import Pending, PendingErasures

PATH = "/internal/v1/erasures"
BATCH = 100
PAUSE = 5.0
"""Seconds between looks, and before a call that failed is repeated."""
SETTLED = timedelta(seconds=60)
"""After this long nobody accepts or sends for the user from what they knew before the deletion; then the last pass."""
FAULTY = timedelta(minutes=15)
"""How long an erasure waits that met a fault of the program."""
_ANSWERS = frozenset({HTTPStatus.OK, HTTPStatus.ACCEPTED})
_ANSWER = Envelope[ErasureAnswer]


class NotErased(Transient):
    """The gateway did not erase"""


class Erasures:
    """Works off `pending_erasures`. Any number may run at once: an erasure may be repeated.

    `forget` (tenant, user) takes them out of the cache: again at each pass, should a copy have come back, or the
    process that deleted them have died while the cache was away.
    """

    def __init__(
        self,
        store: PendingErasures,
        gateway: ServiceClient,
        clock: Clock,
        logger: Logger,
        *,
        forget: Callable[[str, UUID], Awaitable[object]],
    ) -> None:
        self._store = store
        self._forget = forget
        self._gateway = gateway
        self._clock = clock
        self._logger = logger
        self._wanted = asyncio.Event()

    def hurry(self) -> None:
        """A user was just deleted: look now."""
        self._wanted.set()

    async def run(self) -> None:
        """Erase until cancelled."""
        while True:
            try:
                await self.run_once()
            except Transient as error:
                self._logger.warning("erasures.interrupted", error=type(error).__name__)
            await self._rest()

    async def run_once(self) -> int:
        """Erase whoever is due; how many are done for good. Raises Transient."""
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

    async def _rest(self) -> None:
        pause = asyncio.ensure_future(self._clock.sleep(PAUSE))
        wanted = asyncio.ensure_future(self._wanted.wait())
        try:
            await asyncio.wait({pause, wanted}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            pause.cancel()
            wanted.cancel()
        self._wanted.clear()

    async def _erase(self, pending: Pending) -> bool:
        """Whether that was the last pass."""
        asked = self._clock.now()
        await self._forget(pending.tenant, pending.user_id)
        await self._store.empty_log()
        try:
            answer = await self._ask(pending)
        except NotErased as error:
            self._logger.warning("user.not_erased", user_id=str(pending.user_id), error=str(error))
            await self._store.postpone(pending, asked + timedelta(seconds=PAUSE))
            return False
        begun = asked - timedelta(seconds=answer.age)
        if answer.done and not answer.sending and begun >= pending.created_at + SETTLED:
            await self._store.remove(pending)
            return True
        again = asked + timedelta(seconds=PAUSE)
        await self._store.postpone(pending, max(again, pending.created_at + SETTLED) if answer.done else again)
        return False

    async def _ask(self, pending: Pending) -> ErasureAnswer:
        body = ErasureRequest(user_id=pending.user_id).model_dump_json().encode()
        try:
            answer = await self._gateway.post(PATH, tenant=pending.tenant, content=body)
            if answer.status_code not in _ANSWERS:
                raise NotErased(f"the gateway answered {answer.status_code}")
            return _ANSWER.model_validate_json(answer.content).data
        except (Transient, ValidationError) as error:
            raise NotErased(str(error) if isinstance(error, NotErased) else type(error).__name__) from error
