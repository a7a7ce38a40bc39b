"""Deletes old receipts."""

from datetime import timedelta

from angarium.notifications.store.receipts import ReceiptStore
from angarium.platform.clock import Clock
from angarium.platform.loop import Loop

KEPT = timedelta(days=7)
"""How long receipts are stored to recognise repetitions. No provider repeats an event for more than three days."""
_PRUNE_EVERY = 300.0


class PruneReceipts(Loop):
    """Deletes receipts that providers no longer repeat."""

    name = "prune_receipts"
    pause = _PRUNE_EVERY

    def __init__(self, receipts: ReceiptStore, clock: Clock) -> None:
        super().__init__()
        self._receipts = receipts
        self._clock = clock

    async def once(self) -> bool:
        """Delete a batch; True: there may be more. Raises Transient."""
        return bool(await self._receipts.prune(self._clock.now() - KEPT))
