"""Look-ups of users at the users service, or in the cache while it is down.

The cache can hold an old copy: it refused a write, restarted from a snapshot, or lost its last writes in a failover. A
send uses a copy only if it is not older than the user's version in the notification store. The users service reports
that version to the store before it answers a change.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Generic, TypeVar
from uuid import UUID

import msgspec

from angarium.contracts.errors import Transient
from angarium.contracts.users import MOST_CONTACTS, Contact, ContactQuery
from angarium.directory import contact_cache
from angarium.directory.contact_cache import StoredContact, version_of
from angarium.directory.counting import look_up_counts
from angarium.directory.port import ContactVersions, DirectoryUnavailable
from angarium.platform.batching import GroupCommit
from angarium.platform.cache.port import Cache, Hears
from angarium.platform.caching import LocalCache
from angarium.platform.clock import Clock
from angarium.platform.http.client.client import ServiceClient
from angarium.platform.http.client.exchange import Answer
from angarium.platform.telemetry.metrics import Metrics

PATH = "/internal/v1/contacts"
BATCH = MOST_CONTACTS
"""Users per call, the limit of `ContactQuery`."""
HEARD_TTL = timedelta(minutes=10)
"""How long a contact is cached while changes are announced. If the process that made a change ends before announcing
it, acceptance may use an older locale until that process restarts, for at most this long. Sends look up every
notification, and an erasure ends only after a successful announcement."""
_OK = 200
_REFUSED = frozenset({400, 422})

Key = tuple[str, UUID]


ContactT = TypeVar("ContactT", bound=Contact)


class _Contacts(msgspec.Struct, Generic[ContactT]):
    contacts: Sequence[ContactT]


class _Envelope(msgspec.Struct, Generic[ContactT]):
    data: _Contacts[ContactT]


_ANSWER = msgspec.json.Decoder(_Envelope[Contact])
_ANSWER_OF_TENANTS = msgspec.json.Decoder(_Envelope[StoredContact])


class _TooOld(Exception):
    """The service does not know calls for many tenants"""


@dataclass(frozen=True, slots=True)
class _Answer:
    """The users that were found, and those that could not be looked up."""

    found: Mapping[UUID, Contact]
    unknown: frozenset[UUID] = frozenset()


_Copies = Callable[[str, Sequence[UUID]], Awaitable[Mapping[UUID, Contact]]]
"""Reads the cache: maps a tenant and its users to the contacts that it has."""


class RestContacts:
    """Implements `directory.port.Contacts` over REST.

    `known` caches a contact for `ttl`, or for `heard_ttl` while changes are being received, and combines concurrent
    look-ups into one call. After a failed call the service is not called for `rest`. Meanwhile the shared cache is
    used: by `known` without a check, by `current` only if the copy is not older than the version in `versions` (None:
    never).
    """

    def __init__(
        self,
        client: ServiceClient,
        cache: Cache,
        clock: Clock,
        *,
        versions: ContactVersions | None = None,
        ttl: timedelta = timedelta(seconds=2),
        heard_ttl: timedelta = HEARD_TTL,
        rest: timedelta = timedelta(seconds=1),
        max_entries: int = 50_000,
        metrics: Metrics | None = None,
    ) -> None:
        self._client = client
        self._cache = cache
        self._clock = clock
        self._versions = versions
        self._rest = rest.total_seconds()
        self._rest_ends = float("-inf")
        self._counts = look_up_counts("contacts", metrics)
        self._hears: Hears = lambda: False
        self._lives = ttl.total_seconds(), heard_ttl.total_seconds()
        self._local: LocalCache[Key, Contact] = LocalCache(clock, max_entries=max_entries, ttl=self._life)
        self._look_ups: GroupCommit[Key, Contact | DirectoryUnavailable | None] = GroupCommit(
            self._look_up_keys, limit=BATCH, flushers=4
        )

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """While this context is open, announced changes take effect at once instead of after `ttl`."""
        async with self._cache.listen(contact_cache.TOPIC, self._changed) as self._hears:
            yield

    def kept(self, tenant: str, user_id: UUID) -> Contact | None:
        kept = self._local.peek((tenant, user_id))
        if kept is not None:
            self._counts.hit()
        return kept

    async def known(self, tenant: str, user_id: UUID) -> Contact | None:
        kept = self.kept(tenant, user_id)
        if kept is not None:
            return kept
        self._counts.miss()
        key = (tenant, user_id)
        return await self._local.get(key, lambda: self._look_up(key))

    async def current(self, tenant: str, user_ids: Collection[UUID]) -> Mapping[UUID, Contact | None]:
        wanted = list(dict.fromkeys(user_ids))
        told: dict[UUID, Contact | None] = {}
        for start in range(0, len(wanted), BATCH):
            asked = wanted[start : start + BATCH]
            answer = await self._ask(tenant, asked, self._ask_current_copies)
            told.update((user_id, answer.found.get(user_id)) for user_id in asked if user_id not in answer.unknown)
        return told

    async def current_of(self, wanted: Mapping[str, Collection[UUID]]) -> Mapping[Key, Contact | None]:
        people = list(dict.fromkeys((tenant, user_id) for tenant, user_ids in wanted.items() for user_id in user_ids))
        told: dict[Key, Contact | None] = {}
        for start in range(0, len(people), BATCH):
            by_tenant = _by_tenant(people[start : start + BATCH])
            for tenant, answer in (await self._ask_of(by_tenant, self._ask_current_copies)).items():
                asked = by_tenant[tenant]
                told.update(((tenant, id_), answer.found.get(id_)) for id_ in asked if id_ not in answer.unknown)
        return told

    def _life(self) -> float:
        return self._lives[self._hears()]

    async def _changed(self, text: str) -> None:
        changed = contact_cache.announced(text)
        if changed is None:
            self._local.clear()
        else:
            self._local.drop(changed)

    async def _look_up(self, key: Key) -> Contact | None:
        answer = await self._look_ups.submit(key)
        if isinstance(answer, DirectoryUnavailable):
            raise answer
        return answer

    async def _look_up_keys(self, keys: Sequence[Key]) -> Sequence[Contact | DirectoryUnavailable | None]:
        answers = await self._ask_of(_by_tenant(dict.fromkeys(keys)), self._ask_copies)
        return [
            DirectoryUnavailable() if user_id in answers[tenant].unknown else answers[tenant].found.get(user_id)
            for tenant, user_id in keys
        ]

    async def _ask_of(self, wanted: Mapping[str, Sequence[UUID]], instead: _Copies) -> Mapping[str, _Answer]:
        """Look up users of many tenants in one call, since a batch may have users of a hundred tenants.

        An older version of the service refuses such a call; then one concurrent call per tenant is made.
        """
        if len(wanted) > 1 and self._clock.monotonic() >= self._rest_ends:
            try:
                return await self._ask_service_of(wanted)
            except _TooOld:
                pass
            except Transient:
                self._rest_ends = self._clock.monotonic() + self._rest
        answers = await asyncio.gather(*(self._ask(tenant, ids, instead) for tenant, ids in wanted.items()))
        return dict(zip(wanted, answers, strict=True))

    async def _ask_service_of(self, wanted: Mapping[str, Sequence[UUID]]) -> Mapping[str, _Answer]:
        query = msgspec.json.encode({"of_tenants": wanted})
        response = await self._client.post(PATH, tenant=next(iter(wanted)), content=query)
        if response.status_code in _REFUSED:
            raise _TooOld
        found: dict[str, dict[UUID, Contact]] = {tenant: {} for tenant in wanted}
        for contact in _read(_ANSWER_OF_TENANTS, response):
            found.setdefault(contact.tenant, {})[contact.user_id] = contact_cache.plain(contact)
        return {tenant: _Answer(found[tenant]) for tenant in wanted}

    async def _ask(self, tenant: str, user_ids: Sequence[UUID], instead: _Copies) -> _Answer:
        """Ask the service, or `instead`, the cache, while it is down."""
        if not user_ids:
            return _Answer({})
        if self._clock.monotonic() >= self._rest_ends:
            try:
                return _Answer(await self._ask_service(tenant, user_ids))
            except Transient:
                self._rest_ends = self._clock.monotonic() + self._rest
        found = await instead(tenant, user_ids)
        return _Answer(found, frozenset(user_ids).difference(found))

    async def _ask_service(self, tenant: str, user_ids: Sequence[UUID]) -> Mapping[UUID, Contact]:
        query = msgspec.json.encode(ContactQuery(list(user_ids)))
        response = await self._client.post(PATH, tenant=tenant, content=query)
        return {contact.user_id: contact for contact in _read(_ANSWER, response)}

    async def _ask_copies(self, tenant: str, user_ids: Sequence[UUID]) -> Mapping[UUID, Contact]:
        """The cached contacts, however old."""
        kept = await self._cache.get_many(contact_cache.keys(user_ids))
        return _decoded(tenant, kept)

    async def _ask_current_copies(self, tenant: str, user_ids: Sequence[UUID]) -> Mapping[UUID, Contact]:
        """The cached contacts that are not older than the last answered change.

        The copies are read before the versions: a change in between makes a copy count as too old, never as too new.
        """
        if self._versions is None:
            return {}
        kept = await self._cache.get_many(contact_cache.keys(user_ids))
        cached = [(user_id, copy) for user_id, copy in zip(user_ids, kept, strict=True) if copy is not None]
        try:
            reached = await self._versions.contact_versions([user_id for user_id, _ in cached])
        except Transient:
            return {}
        return _decoded(tenant, [copy for user_id, copy in cached if version_of(copy) >= reached.get(user_id, 1)])


def _by_tenant(people: Iterable[Key]) -> Mapping[str, Sequence[UUID]]:
    by_tenant: dict[str, list[UUID]] = defaultdict(list)
    for tenant, user_id in people:
        by_tenant[tenant].append(user_id)
    return by_tenant


def _read(decoder: "msgspec.json.Decoder[_Envelope[ContactT]]", response: Answer) -> Sequence[ContactT]:
    """Decode the contacts of an answer. Raises DirectoryUnavailable."""
    if response.status_code != _OK:
        message = f"the users service answered {response.status_code}"
        raise DirectoryUnavailable(message)
    try:
        return decoder.decode(response.content).data.contacts
    except ValueError as error:
        message = "the users service answered something else than contacts"
        raise DirectoryUnavailable(message) from error


def _decoded(tenant: str, kept: Sequence[bytes | None]) -> Mapping[UUID, Contact]:
    contacts = [contact_cache.decode(tenant, value) for value in kept]
    return {contact.user_id: contact for contact in contacts if contact is not None}
