"""Deletes the oldest dead letters of foreign messages when there are too many."""

from angarium.notifications.store.foreign_letters import ForeignLetters
from angarium.platform.loop import Loop
from angarium.platform.runtime import Runtime


class ForeignKeeper(Loop):
    """A loop of the gateway. It never deletes a notification's own dead letter."""

    name = "foreign_letters"
    pause = 60.0

    def __init__(self, letters: ForeignLetters, runtime: Runtime) -> None:
        super().__init__()
        self._letters = letters
        self._logger = runtime.logger

    async def once(self) -> bool:
        """Delete a batch; return whether there may be more. Raises DatabaseUnavailable."""
        dropped = await self._letters.trim()
        if dropped:
            self._logger.warning("dead_letters.foreign_dropped", count=dropped, reason="too many foreign messages")
        return bool(dropped)
