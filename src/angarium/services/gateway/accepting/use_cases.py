"""Accepts notifications: turns requests into durable, published records."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from angarium.contracts.errors import Detail, IdempotencyConflict, Rejected, ServiceUnavailable
from angarium.contracts.notifications import NotificationRequest
from angarium.contracts.statuses import Status
from angarium.directory.port import Contacts, Templates
from angarium.notifications.model import Acceptance, AcceptOutcome, NewNotification
from angarium.notifications.publisher import OutboxPublisher
from angarium.notifications.store.port import NotificationStore
from angarium.platform.batching import GroupCommit
from angarium.platform.runtime import Runtime
from angarium.services.gateway.accepting.acceptance import AcceptanceRules, Accepted, FindPrior, Origin, Verdict
from angarium.services.gateway.accepting.admission import admit, check_against_template
from angarium.services.gateway.accepting.attachments import Decoded, decoded
from angarium.services.gateway.accepting.candidate import Candidate, check_alone
from angarium.services.gateway.accepting.lanes import FairLanes
from angarium.services.gateway.accepting.look_up import Found, LookUp
from angarium.services.gateway.accepting.tracing import committed

BATCH = 500
FLUSHERS = 1
ATTACHED_BATCH = 8
"""Maximum notifications with attachments per transaction; those without never wait for them."""
PATIENCE = 2.0
"""Seconds that an acceptance may wait for the database before it is refused with 503."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptorParts:
    """The dependencies of an Acceptor."""

    store: NotificationStore
    publisher: OutboxPublisher
    contacts: Contacts
    templates: Templates
    find_prior: FindPrior
    runtime: Runtime
    rules: AcceptanceRules
    lanes: FairLanes
    fast_paths: bool = True


@dataclass(slots=True)
class _Item:
    """One request being processed. Without a `candidate` it cannot have been accepted before."""

    request: NotificationRequest
    candidate: Candidate | None = None
    record: NewNotification | None = None
    refusal: Rejected | None = None
    accepted: Accepted | None = None


class Acceptor:
    """Accepts notifications: validates, looks up, commits in groups, publishes after the commit.

    A returned acceptance is durable and will be published, by this process or by a relay. The same (tenant, caller,
    request_id) with the same meaning always returns the first record, even if it would be refused now.
    """

    def __init__(self, parts: AcceptorParts) -> None:
        self._parts = parts
        self._clock, self._identifiers = parts.runtime.clock, parts.runtime.identifiers
        self._logger, self._metrics = parts.runtime.logger, parts.runtime.metrics
        self._tracing = parts.runtime.tracing
        self._look_up = LookUp(parts.contacts, parts.templates, fast_paths=parts.fast_paths)
        self._commit = GroupCommit(self._flush, limit=BATCH, flushers=FLUSHERS, patience=PATIENCE)
        self._attached = GroupCommit(self._flush, limit=ATTACHED_BATCH, flushers=FLUSHERS, patience=PATIENCE)
        self._publishing: set[asyncio.Task[int]] = set()

    async def accept(self, origin: Origin, request: NotificationRequest) -> Accepted:
        """Accept one. Raises Rejected (400, 404, 409, 503), or Transient, after which it may or may not be accepted."""
        [verdict] = await self.accept_many(origin, [request])
        if isinstance(verdict, Rejected):
            raise verdict
        return verdict

    async def accept_many(self, origin: Origin, requests: Sequence[NotificationRequest]) -> Sequence[Verdict]:
        """Return a result for each, in order. An invalid item does not affect the others.

        Raises Transient if the store is unavailable; the call can be repeated safely.
        """
        items = [
            self._examined(request) if request.attachments is None else await self._examined_with_files(request)
            for request in requests
        ]
        await self._admit(origin, [item for item in items if item.refusal is None])
        await self._make_durable(origin, [item for item in items if item.record is not None])
        await self._prefer_prior(origin, [item for item in items if item.refusal is not None])
        return [_verdict(item) for item in items]

    async def drain(self) -> None:
        """Wait until everything accepted is committed and its publishing has ended, successfully or not."""
        await self._commit.drain()
        await self._attached.drain()
        while self._publishing:
            await asyncio.wait(self._publishing)

    async def _examined_with_files(self, request: NotificationRequest) -> _Item:
        try:
            return self._examined(request, await decoded(request.attachments or ()))
        except Rejected as refusal:
            return _Item(request, refusal=refusal)

    def _examined(self, request: NotificationRequest, files: Sequence[Decoded] = ()) -> _Item:
        item = _Item(request)
        rules = self._parts.rules
        try:
            item.candidate = Candidate.of(request, self._make_request_id, files)
            now = self._clock.now()
            allowed = rules.callback_allow if rules.callbacks else None
            check_alone(item.candidate, enabled=rules.channels, allowed=allowed, now=now, plain=rules.callback_allow)
        except Rejected as refusal:
            item.refusal = refusal
        return item

    def _make_request_id(self) -> str:
        return str(self._identifiers.new())

    async def _admit(self, origin: Origin, items: Sequence[_Item]) -> None:
        if not items:
            return
        found = await self._look_up.find(origin.caller.tenant, [item.request for item in items])
        for item in items:
            if item.candidate is not None:
                try:
                    item.record = self._record(origin, item.candidate, found)
                except Rejected as refusal:
                    item.refusal = refusal

    def _record(self, origin: Origin, candidate: Candidate, found: Found) -> NewNotification:
        contact = found.contact(candidate.request)
        template = found.template(candidate.request)
        check_against_template(candidate, template)
        identifier = self._identifiers.new()
        return admit(candidate, identifier=identifier, origin=origin, contact=contact, template=template)

    async def _make_durable(self, origin: Origin, items: Sequence[_Item]) -> None:
        records = [item.record for item in items if item.record is not None]
        tracing = self._tracing
        acceptances = await (
            self._committed(records) if tracing is None else committed(tracing, records, self._committed)
        )
        for item, record, acceptance in zip(items, records, acceptances, strict=True):
            if acceptance.outcome is AcceptOutcome.CONFLICT:
                item.refusal, item.candidate = _conflict(), None
            else:
                item.accepted = _accepted(origin, record.request_id, acceptance)

    async def _committed(self, records: Sequence[NewNotification]) -> Sequence[Acceptance]:
        if len(records) == 1:
            commit = self._attached if records[0].files else self._commit
            return [await commit.submit(records[0])]
        commit = self._attached if any(record.files for record in records) else self._commit
        return await commit.submit_many(records)

    async def _flush(self, batch: Sequence[NewNotification]) -> Sequence[Acceptance]:
        acceptances = await self._parts.store.accept(batch, outbox_lease=self._parts.rules.outbox_lease)
        created = [
            (new, acceptance)
            for new, acceptance in zip(batch, acceptances, strict=True)
            if acceptance.outcome is AcceptOutcome.CREATED
        ]
        self._publish([new for new, acceptance in created if acceptance.status is Status.PENDING])
        for channel, count in Counter(new.channel for new, _ in created).items():
            self._metrics.notifications_accepted_total.labels(channel).inc(count)
        for new, acceptance in created:
            self._tell(new, acceptance)
        return acceptances

    def _publish(self, created: Sequence[NewNotification]) -> None:
        """Publish in the background; unconfirmed messages stay in the outbox."""
        if created:
            task = asyncio.create_task(self._parts.publisher.publish(self._parts.lanes.messages(created)))
            self._publishing.add(task)
            task.add_done_callback(self._publishing.discard)

    def _tell(self, new: NewNotification, acceptance: Acceptance) -> None:
        self._logger.info(
            "notification.accepted",
            notification_id=new.id,
            tenant=new.tenant,
            user_id=new.user_id,
            channel=new.channel,
            template_code=new.template_code,
            status=acceptance.status,
            correlation_id=new.correlation_id,
        )

    async def _prefer_prior(self, origin: Origin, items: Sequence[_Item]) -> None:
        """Prefer a replay to a refusal: what was accepted once stays accepted."""
        asked = [(item, item.candidate) for item in items if item.candidate is not None and item.request.request_id]
        if not asked:
            return
        caller = origin.caller
        request_ids = list({candidate.request_id for _, candidate in asked})
        priors = await self._parts.find_prior(caller.tenant, caller.identity, request_ids)
        for item, candidate in asked:
            prior = priors.get(candidate.request_id)
            if prior is not None and prior.fingerprint == candidate.fingerprint:
                item.accepted = _accepted(origin, candidate.request_id, prior.acceptance)


def _accepted(origin: Origin, request_id: str, acceptance: Acceptance) -> Accepted:
    return Accepted(
        notification_id=acceptance.notification_id,
        request_id=request_id,
        status=acceptance.status,
        correlation_id=origin.correlation_id,
        created_at=acceptance.created_at,
        replayed=acceptance.outcome is AcceptOutcome.REPLAYED,
    )


def _conflict() -> IdempotencyConflict:
    return IdempotencyConflict(details=(Detail("request_id", "was used before with another body"),))


def _verdict(item: _Item) -> Verdict:
    return item.accepted or item.refusal or ServiceUnavailable()
