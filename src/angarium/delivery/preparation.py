"""Turns a claim into a message for a provider, or into the reason why it is not sent."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from angarium.contracts.errors import RateLimited, Transient
from angarium.contracts.statuses import ADDRESS_FIELD, Channel, Status
from angarium.contracts.templates import CompiledTemplate
from angarium.contracts.users import Contact
from angarium.delivery.away import Away, LanePause
from angarium.delivery.permits import has_expired
from angarium.delivery.preferences import OptedOut, Quiet, decide
from angarium.delivery.provider import Address, InvalidAddress
from angarium.delivery.results import Results
from angarium.delivery.schedule import delays_of
from angarium.delivery.suppressing import Suppressing
from angarium.delivery.unsubscribing import Unsubscribing
from angarium.delivery.work import Asked, People, Person, Ready, Step, Unrendered
from angarium.directory.port import Contacts, DirectoryUnavailable, Templates
from angarium.notifications.model import Claimed, Reason, Result
from angarium.platform.clock import Clock
from angarium.platform.telemetry.logging import Logger
from angarium.rendering.content import Content, is_blank
from angarium.rendering.problems import RenderFailed
from angarium.rendering.renderer import Renderer

AddressesOf = Callable[[Contact], Sequence[Address]]
"""The addresses of a stored user on the channel; may be empty."""
CheckAddress = Callable[[Address], Address]
"""The channel's address check. Returns the canonical form or raises InvalidAddress."""

FRESH = 1.0
"""Seconds for which a directory look-up counts as current."""
_TURN_WAIT = timedelta(seconds=10)
"""How long a slow rendering waits in the queue, without a slot, if many of its tenant are already waiting."""
_MISROUTED_WAIT = timedelta(seconds=1)


class Preparation:
    """Looks up contacts and templates, checks preferences and addresses, and renders."""

    def __init__(
        self,
        *,
        channel: Channel,
        contacts: Contacts,
        templates: Templates,
        renderer: Renderer,
        addresses_of: AddressesOf,
        check_address: CheckAddress,
        results: Results,
        delays: Sequence[timedelta],
        clock: Clock,
        logger: Logger,
        mandatory: Collection[str] = (),
        suppressing: Suppressing | None = None,
        unsubscribing: Unsubscribing | None = None,
    ) -> None:
        self._channel = channel
        self._contacts = contacts
        self._templates = templates
        self._renderer = renderer
        self._addresses_of = addresses_of
        self._check_address = check_address
        self._results = results
        self._delays = delays
        self._clock = clock
        self._logger = logger
        self._mandatory = frozenset(mandatory)
        self._suppressing = suppressing
        self._unsubscribing = unsubscribing
        self._users_away, self._templates_away = Away(clock), Away(clock)
        self.pause = LanePause(clock)
        """Pauses lanes while the users or templates service is unavailable."""

    async def ask(self, people: Iterable[Person]) -> Asked:
        """Current contacts. Users that could not be looked up are omitted."""
        at = self._clock.monotonic()
        wanted: defaultdict[str, set[UUID]] = defaultdict(set)
        for tenant, user_id in people:
            wanted[tenant].add(user_id)
        if not wanted:
            return Asked(at, {})
        try:
            known = await self._contacts.current_of(wanted)
        except Transient:
            return Asked(at, {})
        if known:
            self._users_away.over()
        return Asked(at, known)

    async def prepare(self, batch: Sequence[Claimed], ahead: Asked) -> Sequence[Step]:
        """Return a step for each claim, in order: a message to send, or a result that ends or defers it.

        `ahead` was looked up during the claim; missing users are looked up now, and all of them if it is stale.
        """
        people = [_person(claimed) for claimed in batch]
        fresh = ahead.contacts if self._clock.monotonic() - ahead.at < FRESH else {}
        missing = {person for person in people if person is not None and person not in fresh}
        asked = await self.ask(missing) if missing else Asked(ahead.at, {})
        asked = Asked(min(ahead.at, asked.at) if fresh else asked.at, {**fresh, **asked.contacts})
        steps = [await self._guarded(claimed, person, asked) for claimed, person in zip(batch, people, strict=True)]
        if steps:
            self.pause.prepared(len(steps), in_vain=self._is_away() and all(map(_waits, steps)))
        return steps if self._suppressing is None else await self._suppressing.checked(steps)

    async def changed(self, ready: Ready) -> Result | None:
        """A result that ends or defers a prepared send after a wait; None: it can be sent unchanged.

        Stale data, the stored user's contact and suppressions, are looked up again. If the address changed, the
        notification is prepared again.
        """
        if self._clock.monotonic() - ready.asked < FRESH:
            return None
        claimed = ready.claimed
        if has_expired(claimed, self._clock.now()):
            return self._results.expired(claimed)
        changed = await self._contact_changed(ready)
        if changed is not None or self._suppressing is None:
            return changed
        return await self._suppressing.changed(ready)

    async def _contact_changed(self, ready: Ready) -> Result | None:
        claimed = ready.claimed
        person = _person(claimed)
        if person is None:
            return None
        contacts = (await self.ask([person])).contacts
        contact = self._wanted(claimed, person, contacts)
        if isinstance(contact, Result):
            return contact
        same = self._checked(claimed, self._addresses_of(contact))[0] == ready.addresses
        return None if same else self._results.deferred(claimed, timedelta(0))

    def _is_away(self) -> bool:
        return self._users_away.lasts or self._templates_away.lasts

    def broken(self, claimed: Claimed, error: Exception) -> Result:
        """The result of a claim whose preparation failed unexpectedly."""
        return self._results.broken(claimed, error, self._delays)

    async def render(self, step: Unrendered) -> Ready | Result:
        """Finish a slow preparation without delaying others."""
        claimed = step.claimed
        try:
            variables = self._variables(step)
            content = await self._renderer.patient(step.template, claimed.channel, claimed.locale, variables)
        except RateLimited:
            return self._results.deferred(claimed, _TURN_WAIT)
        except RenderFailed as error:
            return self._results.failed(claimed, Reason("render_failed", str(error)))
        except Exception as error:
            self._logger.exception("preparation.failed", notification_id=str(claimed.id))
            return self._results.broken(claimed, error, self._delays)
        return self._ready(step, content)

    async def _guarded(self, claimed: Claimed, person: Person | None, asked: Asked) -> Step:
        """Isolate unexpected errors: the notification uses up its attempts, and the others are not affected."""
        try:
            return await self._prepare_one(claimed, person, asked)
        except Exception as error:
            self._logger.exception("preparation.failed", notification_id=str(claimed.id))
            return self._results.broken(claimed, error, self._delays)

    async def _prepare_one(self, claimed: Claimed, person: Person | None, asked: Asked) -> Step:
        if claimed.channel is not self._channel:
            return self._results.deferred(claimed, _MISROUTED_WAIT)
        if claimed.expired:
            return self._results.expired(claimed)
        try:
            template = await self._templates.version(claimed.tenant, claimed.template_code, claimed.template_version)
        except DirectoryUnavailable:
            return self._results.deferred(claimed, self._templates_away.wait())
        self._templates_away.over()
        delays = delays_of(template, self._delays)
        if claimed.attempt > len(delays) + 1:
            return self._results.failed(claimed, Reason("retries_exhausted", "no attempt was ever answered"))
        if template is None:
            return self._results.failed(claimed, Reason("template_not_found", "the accepted version is gone"))
        return self._decide(claimed, template, person, asked, delays)

    def _decide(
        self,
        claimed: Claimed,
        template: CompiledTemplate,
        person: Person | None,
        asked: Asked,
        delays: Sequence[timedelta],
    ) -> Step:
        if person is None:
            addresses = _addresses_of_recipient(claimed)
        else:
            contact = self._wanted(claimed, person, asked.contacts)
            if isinstance(contact, Result):
                return contact
            addresses = self._addresses_of(contact)
        return self._address(Unrendered(claimed, template, (), delays, asked.at), addresses)

    def _wanted(self, claimed: Claimed, person: Person, contacts: People) -> Contact | Result:
        """The contact, or a result if nothing may be sent now."""
        if person not in contacts:
            return self._results.deferred(claimed, self._users_away.wait())
        contact = contacts[person]
        if contact is None:
            return self._results.ended(claimed, Status.SKIPPED, Reason("user_not_found", "the user was deleted"))
        return self._unwanted(claimed, contact) or contact

    def _unwanted(self, claimed: Claimed, contact: Contact) -> Result | None:
        decision = decide(
            contact.preferences,
            channel=claimed.channel,
            category=claimed.category,
            priority=claimed.priority,
            now=self._clock.now(),
            timezone=contact.timezone,
            mandatory=self._mandatory,
        )
        match decision:
            case OptedOut(detail):
                return self._results.ended(claimed, Status.SKIPPED, Reason("opted_out", detail))
            case Quiet(until):
                return self._results.scheduled(claimed, until, Reason("quiet_hours", f"quiet until {until:%H:%MZ}"))
            case _:
                return None

    def _address(self, step: Unrendered, addresses: Sequence[Address]) -> Step:
        claimed = step.claimed
        if not addresses:
            return self._results.failed(claimed, Reason("no_address", f"no address for {claimed.channel}"))
        good, problems = self._checked(claimed, addresses)
        if not good:
            return self._results.failed(claimed, Reason("invalid_address", problems[0]))
        return self._render(Unrendered(claimed, step.template, good, step.delays, step.asked))

    def _checked(self, claimed: Claimed, addresses: Sequence[Address]) -> tuple[tuple[Address, ...], Sequence[str]]:
        """The valid addresses in canonical form, and the errors of the others."""
        good: list[Address] = []
        problems: list[str] = []
        for address in addresses:
            try:
                good.append(self._check_address(address))
            except InvalidAddress as error:
                problems.append(str(error))
                self._logger.warning("device.invalid", notification_id=str(claimed.id), channel=claimed.channel)
        return tuple(good), problems

    def _render(self, step: Unrendered) -> Step:
        claimed = step.claimed
        try:
            content = self._renderer.quick(step.template, claimed.channel, claimed.locale, self._variables(step))
        except RenderFailed as error:
            return self._results.failed(claimed, Reason("render_failed", str(error)))
        if content is None:
            return step
        return self._ready(step, content)

    def _variables(self, step: Unrendered) -> Mapping[str, Any]:
        if self._unsubscribing is None:
            return step.claimed.variables
        return self._unsubscribing.variables(step.claimed, step.template)

    def _ready(self, step: Unrendered, content: Content) -> Ready | Result:
        if is_blank(content):
            reason = Reason("empty_message", f"the {step.claimed.channel} part rendered to an empty message")
            return self._results.failed(step.claimed, reason)
        return Ready(step.claimed, step.addresses, content, step.delays, step.asked, step.notes)


def _waits(step: Step) -> bool:
    return isinstance(step, Result) and step.status is Status.PENDING


def _person(claimed: Claimed) -> Person | None:
    """The stored user; None for a recipient who is not stored."""
    if claimed.recipient is not None or claimed.user_id is None:
        return None
    return claimed.tenant, UUID(claimed.user_id)


def _addresses_of_recipient(claimed: Claimed) -> Sequence[Address]:
    recipient = claimed.recipient or {}
    value = recipient.get(ADDRESS_FIELD[claimed.channel])
    if not value:
        return []
    through = claimed.options.through
    return [Address(value, recipient.get("name"), platform=None if through is None else through.platform)]
