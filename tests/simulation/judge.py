"""Checks every step of a run against the guarantees, with its own records.

The judge observes at the servers what is committed, routed, acknowledged and sent. The only rule that it shares with
the tested code is the table of transitions.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from hashlib import blake2b
from uuid import UUID

from angarium.contracts.statuses import UNFINISHED, DeliveryPolicy, Status, may_become
from angarium.delivery.outcome import Ambiguous, Outcome, Retry, Sent
from angarium.delivery.provider import Outbound
from angarium.delivery.schedule import LONGEST_RETRY_AFTER
from angarium.notifications.model import (
    Acceptance,
    AcceptOutcome,
    Claimed,
    NewDeadLetter,
    NewNotification,
    OutboxKey,
    OutboxKind,
    Renewed,
    Result,
    Verdict,
)
from angarium.platform.broker.port import Delivery, Outgoing
from tests.simulation.loop import VirtualLoop
from tests.simulation.story import Claim, Send, Story

OUTBOX_LEASE = 10.0
"""Seconds within which the writer of an outbox row must publish it."""
FRESH = 1.0
"""Seconds for which an answer of the users service is valid."""
WAITS = frozenset({Status.PENDING, Status.SCHEDULED, Status.SKIPPED, Status.EXPIRED})
"""Recorded states of results without an attempt."""
TOLERANCE = 1e-3
_DEAD_LETTER = f".{OutboxKind.DEAD_LETTER}"


class Judge:
    """The judge of one run. `violations` is empty as long as every guarantee holds."""

    def __init__(self, loop: VirtualLoop, most_attempts: int) -> None:
        self.violations: list[str] = []
        self.stories: dict[UUID, Story] = {}
        self.trace: list[str] = []
        self.opted_out: dict[UUID, float] = {}
        self.faults: defaultdict[str, list[float]] = defaultdict(list)
        """By process: the times when it was killed, frozen or stopped, or its database failed."""
        self._loop = loop
        self._most_attempts = most_attempts
        self._sweeping: list[UUID] | None = None
        self._requests: dict[str, UUID] = {}
        self._watched: dict[str, asyncio.Event] = {}
        self.waiting_copies: Callable[[UUID], int] = lambda _: 0
        """Returns the number of a notification's messages that wait in work queues."""

    @property
    def hash(self) -> str:
        """A hash of the whole trace."""
        return blake2b("\n".join(self.trace).encode(), digest_size=16).hexdigest()

    @property
    def unfinished(self) -> int:
        """The number of notifications that have not ended."""
        return sum(story.status in UNFINISHED for story in self.stories.values())

    def takeover(self, process: str) -> asyncio.Event:
        """An event that is set when another process claims work that this one had claimed and not recorded."""
        return self._watched.setdefault(process, asyncio.Event())

    def note(self, what: str, *about: object) -> None:
        """Add a line to the trace."""
        self.trace.append(f"{self._loop.time():.6f} {what} {' '.join(map(str, about))}")

    def violated(self, promise: str, about: object) -> None:
        """Report a violated guarantee."""
        self.note("VIOLATION", promise, about)
        self.violations.append(f"{self._loop.time():.3f} s: {promise} ({about})")

    # Acceptance and the outbox.

    def made(self, notifications: Sequence[NewNotification], acceptances: Sequence[Acceptance]) -> None:
        """Notifications were stored, or had been stored before."""
        for new, acceptance in zip(notifications, acceptances, strict=True):
            id_ = self._requests.setdefault(new.request_id, acceptance.notification_id)
            if id_ != acceptance.notification_id or acceptance.outcome is AcceptOutcome.CONFLICT:
                self.violated("one request led to two notifications", new.request_id)
            elif id_ not in self.stories:
                self.note("made", id_, acceptance.status)
                self.stories[id_] = Story(
                    id_,
                    at_most_once=new.policy is DeliveryPolicy.AT_MOST_ONCE,
                    expires=new.expires_at is not None,
                    user_id=None if new.user_id is None else UUID(new.user_id),
                    status=acceptance.status,
                )

    def answered(self, request_id: str, id_: UUID) -> None:
        """A client received a 202."""
        self.note("accepted", id_)
        story = self.stories.get(id_)
        if story is None or self._requests.get(request_id) != id_:
            self.violated("a client has a 202 for a notification that is not durable", id_)
        else:
            story.accepted = True

    def queued(self, id_: UUID) -> None:
        """A notification got a new outbox row."""
        if self._sweeping is not None:
            self._sweeping.append(id_)

    def forgotten(self, keys: Collection[OutboxKey]) -> None:
        """These outbox rows were deleted."""
        for key in keys:
            if key.kind is OutboxKind.WORK and (story := self.stories.get(key.subject)):
                story.published_at = None
                if not story.routed:
                    self.violated("an outbox row was deleted although the broker never had its message", key.subject)

    @contextmanager
    def sweeping(self) -> Iterator[None]:
        """A pass of the sweeper."""
        self._sweeping = []
        try:
            yield
            for id_ in self._sweeping:
                self.note("swept", id_)
                self._swept(id_)
        finally:
            self._sweeping = None

    def _swept(self, id_: UUID) -> None:
        if self.waiting_copies(id_):
            self.violated("the sweeper published a second copy of a message that is still queued", id_)
        if story := self.stories.get(id_):
            story.excuses += 1

    # The record.

    def moved(self, id_: UUID, old: Status, new: Status) -> None:
        """A row changed its status."""
        self.note("moved", id_, old, new)
        if not may_become(old, new):
            self.violated(f"{old} became {new}", id_)
        if story := self.stories.get(id_):
            story.status = new

    def claimed(self, process: str, verdicts: Sequence[Verdict], lease: timedelta) -> None:
        """Claims were granted."""
        for verdict in verdicts:
            if isinstance(verdict, Claimed) and (story := self.stories.get(verdict.id)):
                self._granted(story, process, verdict, lease)

    def _granted(self, story: Story, process: str, claimed: Claimed, lease: timedelta) -> None:
        now, holder = self._loop.time(), story.holder
        until = now + lease.total_seconds()
        if holder is not None and holder.token == claimed.claim_token:
            holder.until = until  # repeated after a lost answer
            return
        if holder is not None and holder.until > now + TOLERANCE:
            self.violated("a claim was granted during a valid lease", story.id)
        if now + TOLERANCE < story.not_before:
            self.violated("a claim was granted before its time", story.id)
        self.note("claimed", story.id, process, claimed.attempt)
        if holder is not None and holder.process in self._watched:
            self._watched[holder.process].set()
        story.holder = Claim(claimed.claim_token, process, now, until)
        story.claims.append(story.holder)
        story.attempts += 1
        story.status = Status.SENDING

    def renewed(self, renewed: Renewed, lease: timedelta) -> None:
        """Leases were renewed."""
        for id_, token in renewed.prolonged:
            story = self.stories.get(id_)
            if story is not None and story.holder is not None and story.holder.token == token:
                story.holder.until = self._loop.time() + lease.total_seconds()

    def recorded(self, results: Sequence[Result], written: Sequence[bool]) -> None:
        """Results were written, or refused as stale."""
        for result, ok in zip(results, written, strict=True):
            if ok and (story := self.stories.get(result.id)):
                self._recorded(story, result)

    def _recorded(self, story: Story, result: Result) -> None:
        claim = next((claim for claim in story.claims if claim.token == result.claim_token), None)
        if claim is not None and claim.ended is result.status:
            return  # repeated, after an answer that was lost
        if claim is None or claim is not story.holder:
            self.violated("a stale result was written", story.id)
            return
        self.note("recorded", story.id, result.status)
        claim.ended, story.holder = result.status, None
        if claim.sends:
            last = claim.sends[-1]
            story.only = last.provider if isinstance(last.outcome, Ambiguous) else None
        if result.status in WAITS or (result.status is Status.FAILED and not claim.sends):
            story.attempts -= 1
        if result.wait is not None:
            story.not_before = self._loop.time() + result.wait.total_seconds()
        if result.status is Status.SENT and not any(isinstance(send.outcome, Sent) for send in claim.sends):
            self.violated("it was recorded as sent, but no provider has it", story.id)
        if result.dead_letter is not None:
            story.letters += 1

    def buried(self, letters: Sequence[NewDeadLetter]) -> None:
        """Messages were dead-lettered as foreign. A run has no foreign messages, so this is a violation."""
        for letter in letters:
            self.violated("a message of Angarium was dead-lettered as foreign", letter.reason.code)

    # The broker.

    def routed(self, message: Outgoing, *, taken: bool) -> None:
        """The broker accepted or refused a message."""
        if (story := self._story(message.message_id)) and taken:
            self.note("routed", message.message_id, message.delay)
            story.routed += 1
            story.copies += 1
            if message.delay is None:
                self._published(story)
            # Twice: a parked message is acknowledged only after its replacement is confirmed.
            if story.copies > 2 * (1 + story.excuses):
                self.violated(f"there are {story.copies} messages of one notification", story.id)

    def _published(self, story: Story) -> None:
        """A message was published from the outbox; if its row remains, it is published again after the row's lease."""
        now, before = self._loop.time(), story.published_at
        if before is not None and now - before > OUTBOX_LEASE - TOLERANCE:
            story.excuses += 1
        story.published_at = now

    def duplicated(self, message: Outgoing) -> None:
        """The network duplicated a message, so one more copy is allowed."""
        if story := self._story(message.message_id):
            story.excuses += 1

    def unconfirmed(self, message: Outgoing) -> None:
        """A publish got no confirm and will be repeated."""
        self.note("unconfirmed", message.message_id)
        if story := self._story(message.message_id):
            story.excuses += 1

    def returned(self, deliveries: Iterable[Delivery]) -> None:
        """Deliveries returned to their queue; their published replacements may exist too."""
        for delivery in deliveries:
            if story := self._story(delivery.message_id):
                story.excuses += 1

    def acknowledged(self, deliveries: Iterable[Delivery], *, crowded: bool) -> None:
        """Messages were acknowledged. `crowded`: the broker accepts no publishes, so the record must recover some."""
        for delivery in deliveries:
            if not (story := self._story(delivery.message_id)):
                continue
            self.note("acknowledged", delivery.message_id)
            story.copies -= 1
            holder = story.holder
            leased = holder is not None and holder.until > self._loop.time()
            if not story.copies and leased and not crowded:
                self.violated("the last message of a notification was acknowledged during a valid lease", story.id)

    def _story(self, message_id: str | None) -> Story | None:
        if message_id is None or message_id.endswith(_DEAD_LETTER):
            return None
        return self.stories.get(UUID(message_id))

    # The providers.

    def begun(self, process: str, provider: str, message: Outbound) -> Send:
        """A provider call started."""
        now, story = self._loop.time(), self.stories[message.notification_id]
        self.note("send", story.id, provider, message.attempt)
        holder = story.holder
        mine = holder if holder is not None and holder.process == process else None
        send = Send(process, provider, now, mine)
        story.sends.append(send)
        if mine is None or mine.until < now:
            self.violated("a send began without a lease", story.id)
        else:
            mine.sends.append(send)
        if message.message_key != str(story.id):
            self.violated("a send had another key", story.id)
        if story.only is not None and provider != story.only:
            self.violated("it was sent with another provider after a lost answer", story.id)
        if now + TOLERANCE < story.not_sent_before:
            self.violated("it was sent before the time that the provider requested", story.id)
        opted_out = self.opted_out.get(story.user_id) if story.user_id else None
        if opted_out is not None and now > opted_out + FRESH + TOLERANCE:
            self.violated("it was sent after an opt-out", story.id)
        return send

    def outcome(self, id_: UUID, send: Send, outcome: Outcome) -> None:
        """A provider answered."""
        story, now = self.stories[id_], self._loop.time()
        self.note("answer", id_, send.provider, type(outcome).__name__, send.taken)
        send.outcome, send.answered = outcome, now
        if isinstance(outcome, Retry) and outcome.after is not None:
            story.not_sent_before = now + min(outcome.after, LONGEST_RETRY_AFTER).total_seconds()

    # The end.

    def verdict(
        self, rows: Mapping[UUID, tuple[Status, int, str | None]], lettered: Collection[UUID], outbox: int
    ) -> None:
        """At the end of the run, compare the database with the judge's records."""
        if outbox:
            self.violated(f"{outbox} messages remain in the outbox", "end")
        for story in self.stories.values():
            if story.id in rows:
                self._ended(story, *rows[story.id], lettered=story.id in lettered)
            elif story.accepted:
                self.violated("an accepted notification is missing", story.id)

    def _ended(self, story: Story, status: Status, attempts: int, reason: str | None, *, lettered: bool) -> None:
        if status in UNFINISHED:
            self.violated(f"it is {status} at the end, {reason}", story.id)
        if attempts != story.attempts:
            self.violated(f"the record has {attempts} attempts, but {story.attempts} were made", story.id)
        if attempts > self._most_attempts:
            self.violated(f"{attempts} attempts", story.id)
        if lettered != (status is Status.FAILED):
            self.violated(f"it is {status}, and has {'a' if lettered else 'no'} dead letter", story.id)
        if reason == "retries_exhausted" and attempts < self._most_attempts:
            self.violated(f"it failed with exhausted retries after {attempts} attempts", story.id)
        self._judge_end(story, status)
        self._judge_sends(story)

    def _judge_end(self, story: Story, status: Status) -> None:
        allowed = {
            Status.EXPIRED: story.expires,
            Status.SKIPPED: story.user_id in self.opted_out,
            Status.UNKNOWN: story.at_most_once,
        }
        if not allowed.get(status, True):
            self.violated(f"it ended as {status}", story.id)
        if status is Status.SENT and not any(send.taken for send in story.sends):
            self.violated("it is sent, but no provider has it", story.id)

    def _judge_sends(self, story: Story) -> None:
        """Check that one message was sent, plus at most one for each window in which a result can be lost."""
        taken = [send for send in story.sends if send.taken]
        if story.at_most_once and len(taken) > 1:
            self.violated(f"sent {len(taken)} times, at most once", story.id)
        recorded = [send for send in taken if send.claim is not None and send.claim.ended is Status.SENT]
        excused = [send for send in taken if send not in recorded and self._excused(send)]
        if len(recorded) > 1 or len(taken) > len(recorded) + len(excused):
            found = f"{len(recorded)} recorded, {len(excused)} in ambiguous windows"
            self.violated(f"sent {len(taken)} times: {found}", story.id)

    def _excused(self, send: Send) -> bool:
        """Whether the answer was lost: by the provider, or because the process died, froze or lost the database."""
        if isinstance(send.outcome, Ambiguous):
            return True
        since = send.claim.at if send.claim is not None else send.begun
        return any(at >= since for at in self.faults[send.process])
