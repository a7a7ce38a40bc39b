"""Maps outcomes and decisions to results for the record. Pure functions."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import msgspec

from angarium.contracts.durations import later
from angarium.contracts.fields import rfc3339
from angarium.contracts.statuses import DeliveryPolicy, Status
from angarium.delivery.outcome import Ambiguous, Configuration, Outcome, Permanent, Retry, Sent, outcome_word
from angarium.delivery.schedule import retry_wait
from angarium.notifications.letters import failed_message, letter_of
from angarium.notifications.model import Claimed, Event, Reason, Result
from angarium.platform.clock import Clock
from angarium.platform.identifiers import Identifiers

ANSWER_LIMIT = 500
UNANSWERED_WAIT = timedelta(seconds=2)
"""How long a send waits if its provider refuses our configuration."""


class Attempt(msgspec.Struct, frozen=True):
    """One attempt at one address: the provider, its outcome, its duration.

    `size`: the `segments` and `encoding` of an SMS, by which the provider charges.
    """

    provider: str
    outcome: Outcome
    at: datetime
    duration_ms: int
    size: Mapping[str, Any] = msgspec.field(default_factory=dict)


class Results:
    """Builds results; the clock dates events, and dead letters get new identifiers."""

    def __init__(self, clock: Clock, identifiers: Identifiers) -> None:
        self._clock = clock
        self._identifiers = identifiers

    def of_attempts(
        self, claimed: Claimed, attempts: Sequence[Attempt], decisive: Attempt, delays: Sequence[timedelta]
    ) -> Result:
        """The result of attempts at each address; the outcome of `decisive` counts for the notification."""
        provider = decisive.provider
        match decisive.outcome:
            case Sent(answer=_, provider_message_id=message_id):
                sent = Event("sent", self._clock.now(), {"status": Status.SENT})
                return Result(
                    id=claimed.id,
                    claim_token=claimed.claim_token,
                    status=Status.SENT,
                    events=(*_events(claimed, attempts), sent),
                    provider=provider,
                    provider_message_id=None if message_id is None else tidy(message_id),
                )
            case Permanent(answer=answer, code=code):
                return self.failed(claimed, Reason(code, tidy(answer)), _events(claimed, attempts), provider)
            case Configuration():
                return self.paused(claimed, attempts, UNANSWERED_WAIT)
            case Ambiguous(answer=answer) if claimed.policy is DeliveryPolicy.AT_MOST_ONCE:
                return self.unknown(claimed, answer, _events(claimed, attempts), provider)
            case Ambiguous():
                return self._retried(claimed, attempts, decisive, retry_wait(claimed.attempt, delays, None))
            case Retry(after=after):
                return self._retried(claimed, attempts, decisive, retry_wait(claimed.attempt, delays, after))

    def failed(
        self, claimed: Claimed, reason: Reason, events: Sequence[Event] = (), provider: str | None = None
    ) -> Result:
        """A permanent failure: a dead letter in the record and for `failed.queue`, unless a fallback is left.

        The database creates the fallback with the change.
        """
        now, reason = self._clock.now(), _storable(reason)
        attempts = claimed.attempt if provider else claimed.attempt - 1
        letter = None
        ended: tuple[Event, ...] = (_ending("failed", Status.FAILED, now, reason),)
        if not claimed.fallback:
            letter = letter_of(claimed, reason, letter_id=self._identifiers.new(), attempts=attempts)
            ended = (*ended, Event("dead_lettered", now))
        return Result(
            id=claimed.id,
            claim_token=claimed.claim_token,
            status=Status.FAILED,
            events=(*events, *ended),
            reason=reason,
            provider=provider,
            burns_attempt=provider is not None,
            dead_letter=letter,
            outbox=() if letter is None else (failed_message(letter, now),),
        )

    def ended(self, claimed: Claimed, status: Status, reason: Reason) -> Result:
        """An end without an attempt and without a dead letter: skipped or expired."""
        reason = _storable(reason)
        event = _ending(str(status), status, self._clock.now(), reason)
        return Result(
            id=claimed.id,
            claim_token=claimed.claim_token,
            status=status,
            events=(event,),
            reason=reason,
            burns_attempt=False,
        )

    def expired(self, claimed: Claimed) -> Result:
        """The result of a notification that was not sent before `expires_at`."""
        return self.ended(claimed, Status.EXPIRED, Reason("expired", "expires_at has passed"))

    def unknown(self, claimed: Claimed, answer: str, events: Sequence[Event], provider: str) -> Result:
        """The answer was lost and the policy forbids another attempt: an operator decides."""
        reason = Reason("ambiguous", tidy(answer))
        ended = _ending("unknown", Status.UNKNOWN, self._clock.now(), reason)
        return Result(
            id=claimed.id,
            claim_token=claimed.claim_token,
            status=Status.UNKNOWN,
            events=(*events, ended),
            reason=reason,
            provider=provider,
        )

    def deferred(self, claimed: Claimed, wait: timedelta, events: Sequence[Event] = ()) -> Result:
        """Deferred for a reason other than the recipient: it waits without using an attempt."""
        return Result(
            id=claimed.id,
            claim_token=claimed.claim_token,
            status=Status.PENDING,
            events=tuple(events),
            wait=wait,
            burns_attempt=False,
        )

    def held(self, claimed: Claimed, wait: timedelta, provider: str) -> Result:
        """Deferred marketing while its sender is paused, with a single event in the timeline."""
        now = self._clock.now()
        data = {"reason": "sender_paused", "provider": provider, "next_at": rfc3339(later(now, wait))}
        return self.deferred(claimed, wait, [Event("held", now, data)])

    def paused(self, claimed: Claimed, attempts: Sequence[Attempt], wait: timedelta) -> Result:
        """The provider refuses our configuration, not the recipient: the message is kept without using an attempt."""
        return self.deferred(claimed, wait, _events(claimed, attempts))

    def broken(self, claimed: Claimed, error: Exception, delays: Sequence[timedelta]) -> Result:
        """Our own code failed: retried on schedule, finally a dead letter."""
        wait = retry_wait(claimed.attempt, delays, None)
        if wait is None:
            return self.failed(claimed, Reason("internal_error", type(error).__name__))
        return Result(
            id=claimed.id,
            claim_token=claimed.claim_token,
            status=Status.RETRYING,
            events=(Event("retrying", self._clock.now(), {"status": Status.RETRYING, "reason": "internal_error"}),),
            wait=wait,
        )

    def scheduled(self, claimed: Claimed, until: datetime, reason: Reason) -> Result:
        """Not before `until`: it waits in the record only."""
        now = self._clock.now()
        event = Event("scheduled", now, {"status": Status.SCHEDULED, "reason": reason.code, "next_at": rfc3339(until)})
        return Result(
            id=claimed.id,
            claim_token=claimed.claim_token,
            status=Status.SCHEDULED,
            events=(event,),
            reason=reason,
            wait=_until_its_end(claimed, max(until - now, timedelta(0)), now),
            burns_attempt=False,
        )

    def _retried(
        self, claimed: Claimed, attempts: Sequence[Attempt], decisive: Attempt, wait: timedelta | None
    ) -> Result:
        if wait is None:
            reason = Reason("retries_exhausted", tidy(decisive.outcome.answer))
            return self.failed(claimed, reason, _events(claimed, attempts), decisive.provider)
        now = self._clock.now()
        event = Event("retrying", now, {"status": Status.RETRYING})
        return Result(
            id=claimed.id,
            claim_token=claimed.claim_token,
            status=Status.RETRYING,
            events=(*_events(claimed, attempts, next_at=later(now, wait)), event),
            provider=decisive.provider,
            wait=wait,
        )


def noted(notes: Sequence[Event], result: Result) -> Result:
    """`result` with `notes` before its events, if it is the result of an attempt: deferrals must not repeat events."""
    return (
        msgspec.structs.replace(result, events=(*notes, *result.events)) if notes and result.burns_attempt else result
    )


def tidy(answer: str) -> str:
    """Make an answer storable: one line, no control characters, at most `ANSWER_LIMIT` characters."""
    text = answer[: ANSWER_LIMIT * 2]
    if not text.isprintable():
        text = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(text.split())[:ANSWER_LIMIT]


def _until_its_end(claimed: Claimed, wait: timedelta, now: datetime) -> timedelta:
    """`wait`, limited to `expires_at`, when the notification ends anyway.

    Not used for retries: with a wrong clock the provider would be called before the time that it named.
    """
    if claimed.expires_at is None:
        return wait
    return max(min(wait, claimed.expires_at - now), timedelta(0))


def bare(result: Result) -> Result:
    """`result` with the same change, without any text from a provider, a template or a caller.

    For a result that the database refuses: a sent message must not be sent again because of its text.
    """
    letter = result.dead_letter
    return msgspec.structs.replace(
        result,
        events=tuple(Event(event.event, event.at, _bare_data(event.data)) for event in result.events),
        reason=None if result.reason is None else Reason(result.reason.code, ""),
        provider_message_id=None,
        dead_letter=None if letter is None else replace(letter, reason=Reason(letter.reason.code, ""), payload=None),
    )


def _bare_data(data: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in data.items() if name not in {"answer", "reason"}}


def _storable(reason: Reason) -> Reason:
    return reason if reason.message.isprintable() and len(reason.message) <= ANSWER_LIMIT else _tidied(reason)


def _tidied(reason: Reason) -> Reason:
    return Reason(reason.code, tidy(reason.message))


def _events(claimed: Claimed, attempts: Sequence[Attempt], next_at: datetime | None = None) -> tuple[Event, ...]:
    return tuple(_attempt_event(claimed, attempt, next_at) for attempt in attempts)


def _attempt_event(claimed: Claimed, attempt: Attempt, next_at: datetime | None) -> Event:
    data: dict[str, Any] = {
        "attempt": claimed.attempt,
        "provider": attempt.provider,
        "outcome": outcome_word(attempt.outcome),
        "answer": tidy(attempt.outcome.answer),
        "duration_ms": attempt.duration_ms,
        **attempt.size,
    }
    if next_at is not None:
        data["next_at"] = rfc3339(next_at)
    return Event("attempt", attempt.at, data)


def _ending(event: str, status: Status, at: datetime, reason: Reason) -> Event:
    return Event(event, at, {"status": status, "reason": {"code": reason.code, "message": reason.message}})
