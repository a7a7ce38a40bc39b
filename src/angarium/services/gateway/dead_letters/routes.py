"""`/api/v1/dead-letters`: what could not be sent; looked at, sent again, discarded."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request

from angarium.contracts.dead_letters import (
    DeadLetterFilter,
    DeadLetterGroup,
    DeadLetterView,
    ReplayRequest,
    ReplayResult,
)
from angarium.contracts.envelope import Envelope, many, one
from angarium.contracts.errors import Conflict, NotFound
from angarium.contracts.fields import InstantField
from angarium.contracts.scopes import Scope
from angarium.contracts.statuses import Channel
from angarium.notifications.store.reader import NotificationReader
from angarium.platform.auth.caller import Caller
from angarium.platform.http.frame.dependencies import Page, requires
from angarium.platform.http.frame.openapi import conflict
from angarium.services.gateway.audit.acting import actor_of
from angarium.services.gateway.dead_letters.use_cases import Replays

PATH = "/api/v1/dead-letters"
Manager = Annotated[Caller, Depends(requires(Scope.DEAD_LETTERS_MANAGE))]
Word = Annotated[str, Query(max_length=255, pattern=r"^[^\x00]*$")]


def _filter(
    channel: Channel | None = None,
    reason: Word | None = None,
    template_code: Word | None = None,
    older_than: InstantField | None = None,
) -> DeadLetterFilter:
    return DeadLetterFilter(channel=channel, reason=reason, template_code=template_code, older_than=older_than)


Wanted = Annotated[DeadLetterFilter, Depends(_filter)]
Listed = Envelope[list[DeadLetterView]] | Envelope[list[DeadLetterGroup]]


class DeadLetterRoutes:
    """The record is the truth: a letter that was replayed or discarded is off the list at once."""

    def __init__(self, reader: NotificationReader, replays: Replays) -> None:
        self._reader = reader
        self._replays = replays

    def router(self) -> APIRouter:
        router = APIRouter(prefix=PATH, tags=["dead letters"])
        router.add_api_route("", self.find, name="list_dead_letters", methods=["GET"], response_model=Listed)
        router.add_api_route(
            "/replay",
            self.replay_many,
            name="replay_dead_letters",
            methods=["POST"],
            response_model=Envelope[ReplayResult],
        )
        router.add_api_route(
            "/{letter_id}", self.get, name="get_dead_letter", methods=["GET"], response_model=Envelope[DeadLetterView]
        )
        router.add_api_route(
            "/{letter_id}", self.discard, name="discard_dead_letter", methods=["DELETE"], response_model=Envelope[None]
        )
        router.add_api_route(
            "/{letter_id}/replay",
            self.replay,
            name="replay_dead_letter",
            responses=conflict("The notification is not failed any more"),
            methods=["POST"],
            response_model=Envelope[ReplayResult],
        )
        return router

    async def find(
        self, caller: Manager, page: Page, wanted: Wanted, group_by: Literal["reason"] | None = None
    ) -> Listed:
        """Dead letters, newest first; or with `group_by=reason` how many of each kind."""
        if group_by is not None:
            groups = await self._reader.letters_by_reason(caller.tenant, wanted)
            return many(groups, total=len(groups), limit=max(1, len(groups)), page=1)
        found = await self._reader.letters(caller.tenant, wanted, page=page.page, limit=page.limit, cursor=page.cursor)
        return many(found.rows, total=found.total, limit=page.limit, page=page.page, next_cursor=found.next_cursor)

    async def get(self, caller: Manager, letter_id: UUID) -> Envelope[DeadLetterView]:
        """One dead letter."""
        return one(await self._letter(caller, letter_id))

    async def replay(self, request: Request, caller: Manager, letter_id: UUID) -> Envelope[ReplayResult]:
        """Send it again, in its template version, with attempts from 0."""
        if not await self._replays.one(actor_of(request, caller), letter_id):
            letter = await self._letter(caller, letter_id)
            message = f"The letter {letter.id} holds no notification that could be sent again"
            raise Conflict(message)
        return one(ReplayResult(matched=1, replayed=1, dry_run=False), "Replayed")

    async def replay_many(self, request: Request, caller: Manager, body: ReplayRequest) -> Envelope[ReplayResult]:
        """Send all that match the filter again; `dry_run` only counts; `rate_per_second` spreads them out."""
        result = await self._replays.matching(actor_of(request, caller), body)
        return one(result, "Counted" if body.dry_run else "Replayed")

    async def discard(self, request: Request, caller: Manager, letter_id: UUID) -> Envelope[None]:
        """Take it off the list; its notification stays `failed`."""
        if not await self._replays.discard(actor_of(request, caller), letter_id):
            raise NotFound
        return one(None, "Discarded")

    async def _letter(self, caller: Caller, letter_id: UUID) -> DeadLetterView:
        letter = await self._reader.letter(caller.tenant, letter_id)
        if letter is None:
            raise NotFound
        return letter
