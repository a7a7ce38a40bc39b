"""Mutations: faults introduced into the shipped code in memory. The judge must find each of them.

A mutation is a context manager. Within it the code is wrong: it violates a rule of ARCHITECTURE.md.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import msgspec

from angarium.contracts.statuses import Status
from angarium.delivery import results, sending
from angarium.delivery.burying import Burying
from angarium.delivery.engine import Engine
from angarium.delivery.held import Held
from angarium.delivery.leases import LeaseKeeper
from angarium.delivery.outcome import Sent
from angarium.delivery.results import Attempt, Results
from angarium.delivery.schedule import retry_wait
from angarium.delivery.work import Finished, Ready, Sorted, Step
from angarium.notifications.model import NothingToDo, NotNow, OutboxMessage, Result, Verdict
from angarium.notifications.publisher import OutboxPublisher, _outgoing
from angarium.notifications.queue_waits import QueueWaits
from angarium.notifications.store.sqlite import claim, record
from angarium.platform.broker.port import Consumer


def _without_the_token() -> AbstractContextManager[object]:
    """A worker that was frozen past its lease writes its result."""
    return patch.object(record, "RECORD", record.RECORD.replace(" AND claim_token = :claim_token", ""))


def _acknowledge_under_a_lease() -> AbstractContextManager[object]:
    """A redelivered message is acknowledged instead of parked although another worker has a lease on its row."""
    shipped = Burying.set_aside

    async def set_aside(self: Burying, batch: Sorted, verdicts: Sequence[Verdict], consumer: Consumer) -> None:
        wrong = [NothingToDo(v.id, Status.SENDING) if isinstance(v, NotNow) else v for v in verdicts]
        await shipped(self, batch, wrong, consumer)

    return patch.object(Burying, "set_aside", set_aside)


def _record_before_the_send() -> AbstractContextManager[object]:
    """`sent` is recorded before the provider is called."""

    async def deliver(self: Engine, held: Held, step: Step) -> None:
        async with held:
            if isinstance(step, Ready):
                attempt = Attempt("first", Sent("250 ok"), self._clock.now(), 0)
                made = self._sending._results.of_attempts(held.claimed, [attempt], attempt, ())
                await self._recorder.finish(Finished(held.carrier, held.claimed, made, lambda: None))
                await self._sending.send(step)
                held.give_back()
            elif isinstance(step, Result):
                await self._recorder.finish(Finished(held.carrier, held.claimed, step, held.give_back))

    return patch.object(Engine, "_deliver", deliver)


def _count_waits() -> AbstractContextManager[object]:
    """A wait for the directory, a connection or a breaker uses up an attempt."""
    shipped = Results.deferred

    def deferred(self: Results, *values: Any, **named: Any) -> Result:
        return msgspec.structs.replace(shipped(self, *values, **named), burns_attempt=True)

    return patch.object(Results, "deferred", deferred)


def _sweep_without_depth() -> AbstractContextManager[object]:
    """The sweeper considers messages in a long queue lost."""

    def by_key(_: QueueWaits) -> Mapping[str, timedelta]:
        return {}

    return patch.object(QueueWaits, "by_key", by_key)


def _another_provider() -> AbstractContextManager[object]:
    """After an ambiguous answer the next provider is tried."""
    return patch.object(sending, "bound_to", lambda _: None)


def _ignore_retry_after() -> AbstractContextManager[object]:
    """The provider's Retry-After is not read."""
    return patch.object(results, "retry_wait", lambda attempt, delays, _after: retry_wait(attempt, delays, None))


def _no_renewals() -> AbstractContextManager[object]:
    """Leases of running sends are not renewed."""

    async def renew(_: LeaseKeeper) -> None:
        await asyncio.sleep(0)

    return patch.object(LeaseKeeper, "renew", renew)


def _claim_under_a_lease() -> AbstractContextManager[object]:
    """A claim ignores the lease of another worker."""
    return patch.object(claim, "_lease_is_over", lambda row, _now: row["status"] == "sending")


def _forget_unconfirmed() -> AbstractContextManager[object]:
    """Outbox rows are deleted although the broker did not confirm their messages."""

    async def publish(self: OutboxPublisher, messages: Sequence[OutboxMessage]) -> int:
        if messages:
            await self._broker.publish([_outgoing(message) for message in messages])
            await self._store.confirm_outbox([message.key for message in messages])
        return len(messages)

    return patch.object(OutboxPublisher, "publish", publish)


def _stale_wishes() -> AbstractContextManager[object]:
    """After a wait for a connection the user's preferences are not checked again."""

    async def unwanted(self: sending.Sending, ready: Ready) -> Result | None:
        await asyncio.sleep(0)
        return None

    return patch.object(sending.Sending, "_unwanted", unwanted)


MUTATIONS: Mapping[str, Callable[[], AbstractContextManager[object]]] = {
    "the token is not checked when a result is recorded": _without_the_token,
    "a message is acknowledged during a valid lease": _acknowledge_under_a_lease,
    "a send is recorded before the provider is called": _record_before_the_send,
    "a wait counts as an attempt": _count_waits,
    "the sweeper ignores the length of queues": _sweep_without_depth,
    "after an ambiguous answer another provider is tried": _another_provider,
    "a Retry-After is ignored": _ignore_retry_after,
    "leases are not renewed": _no_renewals,
    "a claim ignores the lease": _claim_under_a_lease,
    "unconfirmed outbox rows are deleted": _forget_unconfirmed,
    "preferences and lease are not checked just before the send": _stale_wishes,
}
"""The mutations by a description of the fault, as listed in docs/reliability.md."""
