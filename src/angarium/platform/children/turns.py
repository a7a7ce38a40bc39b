"""Fair turns: a limit of concurrent holders, with waiting keys served in rotation."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from angarium.contracts.errors import RateLimited

RETRY_AFTER = 2
"""Seconds after which a refused caller may try again."""


class Turns:
    """At most `at_once` holders in total and one per key; waiting keys are served in rotation.

    Requests of one key are served in order. At most `most_waiting` of a key wait, each for at most `patience` seconds
    (None: no limit); otherwise RateLimited is raised. While `most_in_all` wait in total, each key may have only one
    waiting.
    """

    def __init__(
        self, *, at_once: int, most_waiting: int, patience: float | None, most_in_all: int | None = None
    ) -> None:
        self._at_once = at_once
        self._most_waiting = most_waiting
        self._most_in_all = most_in_all
        self._patience = patience
        self._busy: set[str] = set()
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    @asynccontextmanager
    async def of(self, key: str) -> AsyncIterator[None]:
        """Wait for a turn of `key` and hold it for the block. Raises RateLimited."""
        await self._enter(key)
        try:
            yield
        finally:
            self._busy.discard(key)
            self._grant()

    async def _enter(self, key: str) -> None:
        queue = self._waiting.setdefault(key, deque())
        if len(queue) >= self._most_waiting or (queue and self._is_crowded()):
            raise RateLimited("Too many requests of this kind wait for their turn", retry_after=RETRY_AFTER)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue.append(turn)
        self._grant()
        try:
            async with asyncio.timeout(self._patience):
                await turn
        except BaseException as error:
            self._leave(key, turn)
            if isinstance(error, TimeoutError):
                raise RateLimited("The requests before this one take too long", retry_after=RETRY_AFTER) from error
            raise

    def _is_crowded(self) -> bool:
        return self._most_in_all is not None and sum(map(len, self._waiting.values())) >= self._most_in_all

    def _leave(self, key: str, turn: asyncio.Future[None]) -> None:
        """Stop waiting. A turn granted at the same moment goes to the next waiter."""
        if turn.done() and not turn.cancelled():
            self._busy.discard(key)
            self._grant()
            return
        queue = self._waiting.get(key)
        if queue is not None and turn in queue:
            queue.remove(turn)
            if not queue:
                del self._waiting[key]

    def _grant(self) -> None:
        for key in list(self._waiting):
            if len(self._busy) >= self._at_once:
                return
            if key not in self._busy:
                self._admit(key)

    def _admit(self, key: str) -> None:
        queue = self._waiting.pop(key)
        turn = queue.popleft()
        if queue:
            self._waiting[key] = queue  # behind the other keys
        if turn.cancelled():  # its waiter removes itself
            if queue:
                self._grant()
            return
        self._busy.add(key)
        turn.set_result(None)
