"""Claims the notifications of deliveries and prepares them. A bad message or row does not affect the others."""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import timedelta
from uuid import UUID

import msgspec

from angarium.contracts.errors import Transient
from angarium.contracts.messages import light_key, routing_key
from angarium.contracts.notifications import URGENT_PRIORITY
from angarium.contracts.statuses import Channel, Status
from angarium.delivery.intake import Intake
from angarium.delivery.leases import LEASE, LeaseKeeper
from angarium.delivery.preparation import Preparation
from angarium.delivery.work import Asked, Person, Sorted, Step
from angarium.notifications.model import Claimed, NothingToDo, NotNow, Verdict
from angarium.notifications.store.port import NotificationStore, RowsLocked
from angarium.platform.broker.port import Consumer, Delivery
from angarium.platform.clock import Clock
from angarium.platform.identifiers import Identifiers
from angarium.platform.telemetry.logging import Logger

_AWAY_PAUSE = 0.5
LOCKED_WAIT = timedelta(seconds=5)
"""How long a notification waits if another transaction has locked its row."""
_ROUNDS = 6
"""Retries of a message whose row cannot be claimed, after 1, 2, 4, … s, before the sweeper takes over."""
_REMEMBERED = 1000
"""Upper bound of notifications with a count of failed rounds; beyond it the oldest count is dropped."""


class Claiming:
    """The first half of a delivery: from messages to prepared claims."""

    def __init__(
        self,
        *,
        channel: Channel,
        store: NotificationStore,
        intake: Intake,
        preparation: Preparation,
        leases: LeaseKeeper,
        clock: Clock,
        identifiers: Identifiers,
        logger: Logger,
        worker: str,
    ) -> None:
        self._store = store
        self._intake = intake
        self._preparation = preparation
        self._leases = leases
        self._clock = clock
        self._identifiers = identifiers
        self._logger = logger
        self._worker = worker
        self._light_key = light_key(channel)
        self._own_keys = frozenset({str(channel), routing_key(channel, URGENT_PRIORITY)})
        self._rounds: dict[UUID, int] = {}

    async def claim(
        self, deliveries: Sequence[Delivery], consumer: Consumer
    ) -> tuple[Sorted, Sequence[Verdict], Asked]:
        """Claim the notifications of the deliveries; while the database is unavailable they wait unacknowledged.

        Looks up the users concurrently, since both need a network round trip.
        """
        token = self._identifiers.new()
        while True:
            since = self._clock.monotonic()
            try:
                batch = await self._intake.sort(deliveries, consumer)
                claims = self._claim(list(batch.carriers), token, since)
                verdicts, ahead = await asyncio.gather(claims, self._ask(batch.people))
            except Transient as error:
                self._logger.warning("claim.waits", count=len(deliveries), error=type(error).__name__)
                await self._clock.sleep(_AWAY_PAUSE)
                continue
            self._bring_home(batch, verdicts)
            return batch, verdicts, ahead

    async def prepare(self, claimed: Sequence[Claimed], ahead: Asked) -> Sequence[Step]:
        """Return the next step of each claim, in order.

        Never raises: a notification on which our code fails uses up its attempts.
        """
        try:
            return await self._preparation.prepare(claimed, ahead)
        except Exception:
            self._logger.exception("preparation.broke", count=len(claimed))
        return [await self._prepare_alone(claim, ahead) for claim in claimed]

    async def _prepare_alone(self, claimed: Claimed, ahead: Asked) -> Step:
        try:
            [step] = await self._preparation.prepare([claimed], ahead)
        except Exception as error:
            self._logger.exception("preparation.failed", notification_id=str(claimed.id))
            return self._preparation.broken(claimed, error)
        return step

    async def _ask(self, people: Iterable[Person]) -> Asked:
        """Look up users; empty after an unexpected error: preparation looks them up again and handles it."""
        try:
            return await self._preparation.ask(people)
        except Exception:
            self._logger.exception("claim.ask_failed")
            return Asked(0.0, {})

    async def _claim(self, ids: Sequence[UUID], token: UUID, since: float) -> Sequence[Verdict]:
        """Claim all; if one is locked, or after an unexpected error, claim each separately.

        Raises StoreUnavailable.
        """
        if len(ids) > 1:
            try:
                return await self._claim_and_hold(ids, token, since)
            except RowsLocked:
                self._logger.warning("claim.locked", count=len(ids))
            except Transient:
                raise
            except Exception:
                self._logger.exception("claim.failed", count=len(ids))
        alone = await asyncio.gather(*(self._claim_alone(id_, token, since) for id_ in ids))
        return [verdict for verdicts in alone for verdict in verdicts]

    async def _claim_alone(self, id_: UUID, token: UUID, since: float) -> Sequence[Verdict]:
        """Uses the batch's token, since the batch's claim may have been committed: so no attempt is counted twice."""
        while True:
            try:
                return await self._claim_and_hold([id_], token, since)
            except RowsLocked:
                return [NotNow(id_, LOCKED_WAIT)]
            except Transient as error:
                self._logger.warning("claim.waits", count=1, error=type(error).__name__)
                await self._clock.sleep(_AWAY_PAUSE)
            except Exception:
                self._logger.exception("claim.failed_alone", notification_id=str(id_))
                return [self._put_off(id_)]

    async def _claim_and_hold(self, ids: Sequence[UUID], token: UUID, since: float) -> Sequence[Verdict]:
        """`since`: the start of the batch's claim, since all leases of a token count from one moment."""
        verdicts = await self._store.claim(ids, token=token, lease=LEASE, worker=self._worker)
        claimed = [verdict for verdict in verdicts if isinstance(verdict, Claimed)]
        self._leases.hold(token, [claim.id for claim in claimed], since=since)
        for claim in claimed:
            self._logger.info(
                "notification.claimed",
                notification_id=claim.id,
                correlation_id=claim.correlation_id,
                channel=claim.channel,
                attempt=claim.attempt,
            )
        if self._rounds:
            for claim in claimed:
                self._rounds.pop(claim.id, None)
        return verdicts

    def _put_off(self, id_: UUID) -> Verdict:
        """Postpone an accepted notification whose row cannot be claimed or read, although its message is valid.

        It must not be lost, so it is not dead-lettered: the message is redelivered with a growing delay, in case the
        error is temporary. After `_ROUNDS` it is acknowledged. The row stays unfinished, and the sweeper republishes it
        with back-off (see `notifications.store.timing`).
        """
        rounds = self._rounds.pop(id_, 0) + 1
        self._rounds[id_] = rounds
        if len(self._rounds) > _REMEMBERED:
            del self._rounds[next(iter(self._rounds))]
        if rounds > _ROUNDS:
            return NothingToDo(id_, Status.PENDING)
        return NotNow(id_, timedelta(seconds=2 ** (rounds - 1)))

    def _bring_home(self, batch: Sorted, verdicts: Sequence[Verdict]) -> None:
        """Set the routing keys of carriers to their rows' lanes, whatever queue the messages came from."""
        for verdict in verdicts:
            if isinstance(verdict, Claimed):
                carrier, key = batch.carriers[verdict.id], routing_key(verdict.channel, verdict.priority)
                light = carrier.routing_key == self._light_key and key in self._own_keys
                if carrier.routing_key != key and not light:
                    batch.carriers[verdict.id] = msgspec.structs.replace(carrier, routing_key=key)
