"""`/api/v1/dead-letters`: lists, replays and discards."""

from collections.abc import Mapping
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
from angarium.notifications.store.read.dead_letters import DeadLetterReader
from angarium.platform.auth.caller import Caller
from angarium.platform.http.frame.dependencies import Page, PageQuery, requires
from angarium.platform.http.frame.openapi import conflict
from angarium.platform.http.frame.short_lists import part_of, whole_page_query
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


def routes(reader: DeadLetterReader, replays: Replays) -> APIRouter:
    """List, read, replay, discard. Replayed and discarded dead letters disappear from the list at once."""
    router = APIRouter(prefix=PATH, tags=["dead letters"])
    _list(router, reader)
    _replay_many(router, replays)
    _read(router, reader)
    _discard(router, replays)
    _replay(router, reader, replays)
    return router


def _list(router: APIRouter, reader: DeadLetterReader) -> None:
    @router.get("")
    async def list_dead_letters(
        request: Request, caller: Manager, page: Page, wanted: Wanted, group_by: Literal["reason"] | None = None
    ) -> Listed:
        """Dead letters, newest first, or with `group_by=reason` counts (all, unless a page is requested)."""
        if group_by is not None:
            return part_of(await reader.by_reason(caller.tenant, wanted), _whole_or(page, request.query_params))
        found = await reader.find(caller.tenant, wanted, page=page.page, limit=page.limit, cursor=page.cursor)
        return many(found.rows, total=found.total, limit=page.limit, page=page.page, next_cursor=found.next_cursor)


def _whole_or(page: PageQuery, given: Mapping[str, str]) -> PageQuery | None:
    """The requested page of groups from the query parameters `given`; None: all."""
    return whole_page_query(
        page.page if "page" in given else None, page.limit if "limit" in given else None, page.cursor
    )


def _replay_many(router: APIRouter, replays: Replays) -> None:
    @router.post("/replay")
    async def replay_dead_letters(request: Request, caller: Manager, body: ReplayRequest) -> Envelope[ReplayResult]:
        """Replay all dead letters that match the filter; `dry_run` only counts, `rate_per_second` limits the rate."""
        result = await replays.matching(actor_of(request, caller), body)
        return one(result, "Counted" if body.dry_run else "Replayed")


def _read(router: APIRouter, reader: DeadLetterReader) -> None:
    @router.get("/{letter_id}")
    async def get_dead_letter(caller: Manager, letter_id: UUID) -> Envelope[DeadLetterView]:
        """One dead letter."""
        return one(await _letter(reader, caller, letter_id))


def _discard(router: APIRouter, replays: Replays) -> None:
    @router.delete("/{letter_id}")
    async def discard_dead_letter(request: Request, caller: Manager, letter_id: UUID) -> Envelope[None]:
        """Delete a dead letter; its notification stays `failed`."""
        if not await replays.discard(actor_of(request, caller), letter_id):
            raise NotFound
        return one(None, "Discarded")


def _replay(router: APIRouter, reader: DeadLetterReader, replays: Replays) -> None:
    @router.post("/{letter_id}/replay", responses=conflict("The notification is not failed any more"))
    async def replay_dead_letter(request: Request, caller: Manager, letter_id: UUID) -> Envelope[ReplayResult]:
        """Send it again with its template version, with attempts reset to 0."""
        if not await replays.one(actor_of(request, caller), letter_id):
            letter = await _letter(reader, caller, letter_id)
            message = f"The letter {letter.id} holds no notification that could be sent again"
            raise Conflict(message)
        return one(ReplayResult(matched=1, replayed=1, dry_run=False), "Replayed")


async def _letter(reader: DeadLetterReader, caller: Caller, letter_id: UUID) -> DeadLetterView:
    letter = await reader.get(caller.tenant, letter_id)
    if letter is None:
        raise NotFound
    return letter
