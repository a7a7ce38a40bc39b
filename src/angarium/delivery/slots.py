"""The bound on what is uncertain: a slot is held from before the claim until the result is committed."""

import asyncio


class Slots:
    """`total` slots, of which `reserved` are kept from the ordinary lane, for the others."""

    def __init__(self, total: int, *, reserved: int | None = None) -> None:
        self._free = total
        self._total = total
        self._reserved = total // 8 if reserved is None else reserved
        self._freed = asyncio.Condition()

    @property
    def in_use(self) -> int:
        """How many are held."""
        return self._total - self._free

    def free(self, *, urgent: bool) -> int:
        """How many the lane could take now."""
        return max(0, self._free - (0 if urgent else self._reserved))

    async def some_free(self, *, urgent: bool) -> None:
        """Return once the lane could take at least one."""
        async with self._freed:
            await self._freed.wait_for(lambda: self.free(urgent=urgent) > 0)

    async def take(self, count: int, *, urgent: bool) -> None:
        """Take `count` at once, waiting until the lane may."""
        async with self._freed:
            await self._freed.wait_for(lambda: self.free(urgent=urgent) >= count)
            self._free -= count

    async def give_back(self, count: int) -> None:
        """Return `count` slots."""
        async with self._freed:
            self._free += count
            self._freed.notify_all()

    async def all_free(self) -> None:
        """Return once nothing is held."""
        async with self._freed:
            await self._freed.wait_for(lambda: self._free == self._total)
