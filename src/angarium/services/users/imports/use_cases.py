"""Imports of users: jobs that continue after their request was answered, with a report."""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from uuid import UUID

from angarium.contracts.addresses import Network, email_key
from angarium.contracts.errors import RateLimited, Rejected, Transient
from angarium.contracts.preferences import PreferencesPatch
from angarium.contracts.users import ImportView, UserPatch
from angarium.platform.runtime import Runtime
from angarium.services.users.contacts.copies import ContactCopies
from angarium.services.users.imports.model import ImportJob
from angarium.services.users.imports.rows import ImportFile, ImportRow, read_file
from angarium.services.users.imports.store import ImportJobs
from angarium.services.users.imports.views import import_view
from angarium.services.users.people.changes import ChangeUnconfirmed
from angarium.services.users.people.contact import contact_document
from angarium.services.users.people.edits import Stamp, amended, new_person
from angarium.services.users.people.model import Person
from angarium.services.users.people.preferences import check_mandatory
from angarium.services.users.people.store import EmailTaken, UserStore

BATCH = 200
AT_ONCE = 2
"""Concurrent imports per process; further ones wait."""
MOST = 8
"""Running and waiting imports per process, each of which holds its file in memory."""
MOST_OF_A_TENANT = 4
"""The same per tenant; a tenant's imports run one after another."""
GRACE = 5
"""Seconds for the current batch when the process stops."""
RETRY_AFTER = 10
"""Seconds after which a refused import may be retried."""


class Imports:
    """Runs imports. Invalid rows are reported and the others are imported in batches, one transaction each.

    With `upsert` a row whose email belongs to a user of the tenant updates that user; without, it fails. A tenant's
    imports run one after another in a process, and few may wait. An import whose process ends is `interrupted`:
    processed rows stay, and importing the file again with `upsert` completes it.
    """

    def __init__(
        self,
        *,
        store: UserStore,
        jobs: ImportJobs,
        copies: ContactCopies,
        runtime: Runtime,
        mandatory: Collection[str] = (),
        allowed: Sequence[Network] = (),
    ) -> None:
        self._store = store
        self._jobs = jobs
        self._copies = copies
        self._clock = runtime.clock
        self._identifiers = runtime.identifiers
        self._logger = runtime.logger
        self._mandatory = frozenset(mandatory)
        self._allowed = tuple(allowed)
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._running: set[asyncio.Task[None]] = set()
        self._closing = False
        self._reading = asyncio.Semaphore(AT_ONCE)
        self._turns: dict[str, _Turns] = {}

    async def start(self, tenant: str, content_type: str, body: bytes, *, upsert: bool) -> ImportView:
        """Start an import of the file `body`.

        Raises RateLimited if too many of the tenant or in total wait, the errors of `read_file`, and
        DatabaseUnavailable.
        """
        self._enter(tenant)
        try:
            async with self._reading:
                file = await asyncio.to_thread(read_file, content_type, body)
            now = self._clock.now()
            job = ImportJob(self._identifiers.new(), tenant, file.total, now, now)
            await self._jobs.add(job)
        except BaseException:
            self._leave(tenant)
            raise
        task = asyncio.create_task(self._run(job, file, upsert=upsert))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return import_view(job, job.updated_at)

    async def look(self, tenant: str, import_id: UUID) -> ImportView:
        """The progress and report of an import. Raises ImportNotFound, also for another tenant's."""
        return import_view(await self._jobs.get(tenant, import_id), self._clock.now())

    def _enter(self, tenant: str) -> None:
        turns = self._turns.get(tenant) or _Turns()
        if turns.count >= MOST_OF_A_TENANT or sum(each.count for each in self._turns.values()) >= MOST:
            raise RateLimited("Too many imports are under way", retry_after=RETRY_AFTER)
        turns.count += 1
        self._turns[tenant] = turns

    def _leave(self, tenant: str) -> None:
        turns = self._turns[tenant]
        turns.count -= 1
        if not turns.count:
            del self._turns[tenant]

    async def close(self) -> None:
        """Stop running imports after their current batch; they become `interrupted`. Slower ones are cancelled."""
        self._closing = True
        if not self._running:
            return
        _, late = await asyncio.wait(self._running, timeout=GRACE)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    async def _run(self, job: ImportJob, file: ImportFile, *, upsert: bool) -> None:
        try:
            async with self._turns[job.tenant].one, self._slots:
                rows = file.rows()
                while not self._closing and (batch := await asyncio.to_thread(list, islice(rows, BATCH))):
                    await self._take(job, batch, upsert=upsert)
                    await self._save(job)
            if not self._closing:
                job.status = "finished"
        except (Transient, ChangeUnconfirmed) as error:
            self._logger.warning("import.interrupted", import_id=str(job.import_id), error=type(error).__name__)
        except Exception:
            self._logger.exception("import.failed", import_id=str(job.import_id))
        finally:
            if job.status == "running":
                job.status = "interrupted"
            self._leave(job.tenant)
            await self._save(job)
        self._logger.info("import.ended", import_id=str(job.import_id), status=job.status)

    async def _save(self, job: ImportJob) -> None:
        job.updated_at = self._clock.now()
        await self._jobs.save(job)

    async def _take(self, job: ImportJob, rows: Sequence[ImportRow], *, upsert: bool) -> None:
        keys = await asyncio.to_thread(_keys, rows)
        owners = await self._store.find_emails(job.tenant, [key for key in keys if key is not None])
        plan = await asyncio.to_thread(self._plan, job, list(zip(rows, keys, strict=True)), owners, upsert=upsert)
        await self._insert(job, plan.fresh)
        await self._change(job, plan.changes)
        job.processed += len(rows)

    def _plan(
        self, job: ImportJob, rows: Sequence[tuple[ImportRow, str | None]], owners: Mapping[str, UUID], *, upsert: bool
    ) -> "_Plan":
        """Plan the action of each row and record refusals.

        A later row may update a user that an earlier one creates.
        """
        plan, known = _Plan(), dict(owners)
        for row, key in rows:
            owner = known.get(key) if key is not None else None
            try:
                if owner is None:
                    person = self._new(job.tenant, row)
                    plan.fresh.append((row.line, person))
                    known |= {key: person.user_id} if key is not None else {}
                elif upsert:
                    plan.changes.append((row.line, owner, self._patch(row)))
                else:
                    raise EmailTaken
            except Rejected as error:
                job.refuse(row.line, error)
        return plan

    def _new(self, tenant: str, row: ImportRow) -> Person:
        body = row.to_create()
        self._check(body.preferences)
        return new_person(tenant, self._identifiers.new(), body, self._stamp())

    def _patch(self, row: ImportRow) -> UserPatch:
        body = row.to_patch()
        self._check(body.preferences)
        return body

    def _check(self, wishes: PreferencesPatch | None) -> None:
        if wishes is not None:
            check_mandatory(wishes.categories, self._mandatory, path="preferences.")

    async def _insert(self, job: ImportJob, fresh: Sequence[tuple[int, Person]]) -> None:
        """Insert all in one transaction, or one by one if another request took an email meanwhile."""
        try:
            await self._store.insert_many([person for _, person in fresh])
            job.created += len(fresh)
        except EmailTaken:
            for line, person in fresh:
                await self._insert_one(job, line, person)
        self._copies.note_read([contact_document(person) for _, person in fresh])

    async def _insert_one(self, job: ImportJob, line: int, person: Person) -> None:
        try:
            await self._store.insert(person)
            job.created += 1
        except EmailTaken as error:
            job.refuse(line, error)

    async def _change(self, job: ImportJob, changes: Sequence[tuple[int, UUID, UserPatch]]) -> None:
        """Update one by one. Even after a failure, older copies of changed users are invalidated."""
        last: dict[UUID, Person] = {}
        try:
            for line, user_id, patch in changes:
                person = await self._amend(job, line, user_id, patch)
                last |= {user_id: person} if person is not None else {}
        finally:
            await self._copies.changed(list(last.values()))

    async def _amend(self, job: ImportJob, line: int, user_id: UUID, patch: UserPatch) -> Person | None:
        stamp = self._stamp()
        try:
            edit = partial(amended, body=patch, stamp=stamp)
            person = await self._store.change(job.tenant, user_id, edit, now=stamp.now)
        except Rejected as error:
            job.refuse(line, error)
            return None
        job.updated += 1
        return person

    def _stamp(self) -> Stamp:
        return Stamp(self._identifiers.new(), self._clock.now(), allowed=self._allowed)


@dataclass(slots=True)
class _Turns:
    """The imports of one tenant: their number, and the order in which they run."""

    count: int = 0
    one: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(slots=True)
class _Plan:
    fresh: list[tuple[int, Person]] = field(default_factory=list)
    changes: list[tuple[int, UUID, UserPatch]] = field(default_factory=list)


def _keys(rows: Iterable[ImportRow]) -> list[str | None]:
    """The look-up key of each row's email; None without a valid one."""
    return [_key(row.email) if row.email is not None else None for row in rows]


def _key(email: str) -> str | None:
    try:
        return email_key(email)
    except ValueError:
        return None
