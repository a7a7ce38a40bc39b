"""Ownership of the slots, leases and messages of work in progress.

Each has one owner, which releases it on every exit: a recorded result, an exception, a cancellation. A batch owns what
it took until it is claimed; then each claimed notification owns its part.
"""

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self
from uuid import UUID

from angarium.delivery.leases import LeaseKeeper
from angarium.delivery.slots import Grant
from angarium.delivery.work import Carrier
from angarium.notifications.model import Claimed
from angarium.platform.broker.port import Consumer, Delivery


class Held:
    """One claimed notification: its slot, its lease and its messages.

    A normal exit of the context means that its messages are settled. Otherwise they return to their queue, and the next
    worker that receives them waits until the lease has expired.
    """

    __slots__ = ("_leases", "_slot", "carrier", "claimed")

    def __init__(self, claimed: Claimed, carrier: Carrier, slot: Grant, leases: LeaseKeeper) -> None:
        self.claimed = claimed
        self.carrier = carrier
        self._slot = slot
        self._leases = leases

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.give_back()
        if kind is not None:
            await self.carrier.consumer.release(self.carrier.deliveries)

    def give_back(self) -> None:
        """Release the slot and stop renewing the lease. Idempotent."""
        if not self._slot.count:
            return
        self._leases.let_go(self.claimed.claim_token, self.claimed.id)
        self._slot.give_back()


class BatchHeld:
    """A batch of messages and their slots, until each is passed to an owner of its own."""

    def __init__(
        self, slots: Grant, deliveries: Sequence[Delivery], *, consumer: Consumer, leases: LeaseKeeper
    ) -> None:
        self.consumer = consumer
        self.deliveries = deliveries
        self._slots = slots
        self._leases = leases
        self._unclaimed: Sequence[Delivery] = deliveries
        self._claimed: dict[UUID, Held] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        left = [held.carrier for held in self._claimed.values()]
        self.give_back()
        if kind is not None:
            await self.consumer.release([*self._unclaimed, *(d for carrier in left for d in carrier.deliveries)])

    def claim(self, claimed: Sequence[Claimed], carriers: Mapping[UUID, Carrier]) -> Sequence[Held]:
        """Split the batch into a `Held` per claim, in order. Unused slots are released."""
        for claim in claimed:
            self._claimed[claim.id] = Held(claim, carriers[claim.id], self._slots.split(1), self._leases)
        taken = {delivery for held in self._claimed.values() for delivery in held.carrier.deliveries}
        if len(taken) == len(self.deliveries):
            self._unclaimed = ()
        else:
            self._unclaimed = [delivery for delivery in self.deliveries if delivery not in taken]
        self._slots.give_back()
        return tuple(self._claimed.values())

    def hand_on(self, held: Held) -> Held:
        """Pass ownership of `held` to the caller."""
        return self._claimed.pop(held.claimed.id)

    def hand_on_unclaimed(self) -> Sequence[Delivery]:
        """Pass the messages without a claim to the caller, who settles them."""
        unclaimed, self._unclaimed = self._unclaimed, ()
        return unclaimed

    def give_back(self) -> None:
        """Release the slots and stop renewing the leases of what was not passed on. Idempotent."""
        for held in self._claimed.values():
            held.give_back()
        self._claimed.clear()
        self._slots.give_back()
