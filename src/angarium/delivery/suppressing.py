"""Checks addresses against the suppression list before a send, and adds those that providers report."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import chain
from typing import assert_never
from uuid import UUID

from msgspec.structs import replace

from angarium.contracts.errors import Transient
from angarium.contracts.statuses import Channel, Status
from angarium.contracts.suppressions import SuppressionReason
from angarium.delivery.away import Away
from angarium.delivery.outcome import Outcome, Permanent
from angarium.delivery.provider import Address
from angarium.delivery.results import Results
from angarium.delivery.work import Ready, Step, Unrendered
from angarium.notifications.model import Claimed, Event, Reason, Result
from angarium.notifications.suppressions.model import Cause, NewSuppression, Target
from angarium.notifications.suppressions.store import SuppressionStore
from angarium.platform.clock import Clock
from angarium.platform.telemetry.logging import Logger

_AT_ONCE = timedelta(0)
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 2.0


class Suppressing:
    """The suppression list of one channel's engine.

    A claimed batch costs one query, and a send that had to wait another one. While the database is unavailable, nothing
    is sent: sends wait without using an attempt.
    """

    def __init__(self, store: SuppressionStore, results: Results, clock: Clock, logger: Logger) -> None:
        self._store = store
        self._results = results
        self._clock = clock
        self._logger = logger
        self._away = Away(clock)

    async def checked(self, steps: Sequence[Step]) -> Sequence[Step]:
        """The steps of a batch, in order, without suppressed addresses.

        A step without any address left ends as skipped.

        A suppressed address in `cc` or `bcc` is left out, which an event records.
        """
        targets = {target for step in steps if not isinstance(step, Result) for target in _all_targets(step)}
        if not targets:
            return steps
        try:
            causes = await self._store.causes(targets)
        except Transient:
            return [step if isinstance(step, Result) else self._postponed(step.claimed) for step in steps]
        self._away.over()
        if not causes:
            return steps
        return [step if isinstance(step, Result) else self._allowed(step, causes) for step in steps]

    async def changed(self, ready: Ready) -> Result | None:
        """A result that ends or defers a prepared send after a wait; None: it can be sent unchanged.

        If one of several addresses was suppressed meanwhile, the notification is prepared again.
        """
        checked = (await self.checked([ready]))[0]
        match checked:
            case Result():
                return checked
            case Ready():
                return None if checked is ready else self._results.deferred(ready.claimed, _AT_ONCE)
            case Unrendered():
                return None
            case _:
                assert_never(checked)

    async def answered(self, provider: str, claimed: Claimed, address: Address, outcome: Outcome) -> None:
        """Suppress the address if the outcome requires it; returns once that is stored, however long it takes.

        The result is recorded afterwards, so a crash in between leads to another attempt, never to a missing
        suppression.
        """
        if not isinstance(outcome, Permanent) or not outcome.suppress:
            return
        person = None if claimed.recipient is not None or claimed.user_id is None else UUID(claimed.user_id)
        new = NewSuppression(
            target=Target(claimed.tenant, claimed.channel, address.value),
            reason=SuppressionReason.OPT_OUT if outcome.opted_out else SuppressionReason.HARD_BOUNCE,
            source=provider,
            user_id=person,
        )
        await self._add(new)
        self._logger.info(
            "address.suppressed",
            notification_id=str(claimed.id),
            channel=claimed.channel,
            provider=provider,
            reason=new.reason,
        )

    async def _add(self, new: NewSuppression) -> None:
        pause = _FIRST_PAUSE
        while True:
            try:
                await self._store.add(new)
            except Transient as error:
                self._logger.warning("suppression.waits", error=type(error).__name__)
                await self._clock.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
            else:
                return

    def _allowed(self, step: Ready | Unrendered, causes: Mapping[Target, Cause]) -> Step:
        """The step without its suppressed addresses."""
        allowed = tuple(a for a, target in zip(step.addresses, _targets(step), strict=True) if target not in causes)
        if allowed:
            step = self._without_copies(step, causes)
            return step if len(allowed) == len(step.addresses) else replace(step, addresses=allowed)
        cause = next(causes[target] for target in _targets(step))
        return self._results.ended(step.claimed, Status.SKIPPED, Reason("suppressed", _words(cause)))

    def _without_copies(self, step: Ready | Unrendered, causes: Mapping[Target, Cause]) -> Ready | Unrendered:
        """The step without suppressed addresses in `cc` and `bcc`, with an event about them."""
        options = step.claimed.options
        email = options.email
        if email is None or causes.keys().isdisjoint(_copies(step)):
            return step
        left_out: dict[str, tuple[str, ...]] = {}
        kept: dict[str, tuple[str, ...]] = {}
        for field in ("cc", "bcc"):
            given: tuple[str, ...] = getattr(email, field)
            left_out[field] = tuple(address for address in given if _target(step.claimed, address) in causes)
            kept[field] = tuple(address for address in given if address not in left_out[field])
        claimed = replace(step.claimed, options=replace(options, email=replace(email, **kept)))
        named = {field: addresses for field, addresses in left_out.items() if addresses}
        note = Event("copies_left_out", self._clock.now(), {"reason": "suppressed", **named})
        return replace(step, claimed=claimed, notes=(*step.notes, note))

    def _postponed(self, claimed: Claimed) -> Result:
        return self._results.deferred(claimed, self._away.wait())


def _targets(step: Ready | Unrendered) -> Iterator[Target]:
    claimed = step.claimed
    return (Target(claimed.tenant, claimed.channel, address.value) for address in step.addresses)


def _all_targets(step: Ready | Unrendered) -> Iterator[Target]:
    return _targets(step) if step.claimed.options.email is None else chain(_targets(step), _copies(step))


def _copies(step: Ready | Unrendered) -> Iterator[Target]:
    """Additional addresses besides the recipient's, which only mails have."""
    claimed = step.claimed
    email = claimed.options.email if claimed.channel is Channel.EMAIL else None
    return iter(()) if email is None else (_target(claimed, address) for address in (*email.cc, *email.bcc))


def _target(claimed: Claimed, address: str) -> Target:
    return Target(claimed.tenant, claimed.channel, address)


def _words(cause: Cause) -> str:
    return f"{cause.reason} from {cause.source} since {cause.created_at:%Y-%m-%d}"
