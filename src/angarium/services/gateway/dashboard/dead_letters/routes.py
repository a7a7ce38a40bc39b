"""`/dashboard/dead-letters`: list, show, replay and discard dead letters."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from pydantic import ValidationError
from starlette.responses import Response

from angarium.contracts.dead_letters import DeadLetterFilter, DeadLetterView, ReplayRequest
from angarium.contracts.errors import Conflict, NotFound, ValidationFailed
from angarium.contracts.scopes import Scope
from angarium.contracts.statuses import Channel
from angarium.notifications.store.read.dead_letters import DeadLetterReader
from angarium.platform.auth.caller import Caller
from angarium.platform.http.frame.validation import details_of
from angarium.services.gateway.audit.acting import actor_of
from angarium.services.gateway.dashboard.notifications.search import moment_of
from angarium.services.gateway.dashboard.pages import Pages, redirect
from angarium.services.gateway.dashboard.viewing import PREFIX, Viewers, form_of, viewer_of
from angarium.services.gateway.dead_letters.use_cases import Replays

PATH = f"{PREFIX}/dead-letters"
LIMIT = 50
GROUPED = 10_000
"""Counts by reason include this many dead letters, the newest."""
_FIELDS = ("channel", "reason", "template_code", "older_than")


def routes(reader: DeadLetterReader, replays: Replays, pages: Pages, viewers: Viewers) -> APIRouter:
    """List with counts by reason, show one, replay one or many, discard."""
    router = APIRouter(prefix=PATH, include_in_schema=False)
    _list(router, reader, pages, viewers)
    _replay_many(router, reader, replays, pages, viewers)
    _one(router, reader, replays, pages, viewers)
    return router


def _list(router: APIRouter, reader: DeadLetterReader, pages: Pages, viewers: Viewers) -> None:
    signed_in = viewers.requires()

    @router.get("")
    async def list_dead_letters(request: Request, caller: Annotated[Caller, Depends(signed_in)]) -> Response:
        given = _given(request.query_params)
        wanted = _filter(given)
        cursor = request.query_params.get("cursor") or None
        found = await reader.find(caller.tenant, wanted, limit=LIMIT, cursor=cursor)
        groups = await reader.by_reason(caller.tenant, wanted, newest=GROUPED) if cursor is None else []
        older = f"{PATH}?{urlencode({**given, 'cursor': found.next_cursor})}" if found.next_cursor else None
        return pages.page(
            request,
            viewer_of(request),
            "dead_letters",
            {
                "form": {name: given.get(name, "") for name in _FIELDS},
                "channels": [channel.value for channel in Channel],
                "groups": [
                    {**group.model_dump(), "query": _group_query(given, group.reason, group.channel)}
                    for group in groups
                ],
                "rows": [_row(letter) for letter in found.rows],
                "total": found.total,
                "older": older,
                "filtered": bool(given),
                "replay": f"{PATH}/replay?{urlencode(given)}",
            },
        )


def _replay_many(router: APIRouter, reader: DeadLetterReader, replays: Replays, pages: Pages, viewers: Viewers) -> None:
    manages = viewers.requires(Scope.DEAD_LETTERS_MANAGE)

    @router.get("/replay")
    async def show_replay(request: Request, caller: Annotated[Caller, Depends(manages)]) -> Response:
        """The dry run: the number of matches. After a start (`begun`), the progress."""
        given = _given(request.query_params)
        found = await reader.find(caller.tenant, _filter(given), limit=1)
        left, begun = found.total or 0, request.query_params.get("begun", "")
        of = int(begun) if begun.isdecimal() and len(begun) < 9 else None  # noqa: PLR2004 - fits any database's count
        return pages.page(
            request,
            viewer_of(request),
            "replay",
            {
                "given": given,
                "left": left,
                "many": left > GROUPED,
                "of": of,
                "gone": max(0, of - left) if of is not None else None,
                "back": f"{PATH}?{urlencode(given)}",
            },
        )

    @router.post("/replay")
    async def replay(
        request: Request,
        caller: Annotated[Caller, Depends(manages)],
        form: Annotated[Mapping[str, str], Depends(form_of)],
    ) -> Response:
        given = _given(form)
        wanted = _filter(given)
        body = {"filter": None if wanted.empty else wanted, "all": wanted.empty, "rate_per_second": _rate(form)}
        try:
            asked = ReplayRequest.model_validate(body)
        except ValidationError as error:
            raise ValidationFailed(details=details_of(error.errors())) from None
        result = await replays.matching(actor_of(request, caller), asked)
        return redirect(f"{PATH}/replay?{urlencode({**given, 'begun': result.matched})}")


def _one(router: APIRouter, reader: DeadLetterReader, replays: Replays, pages: Pages, viewers: Viewers) -> None:
    signed_in, manages = viewers.requires(), viewers.requires(Scope.DEAD_LETTERS_MANAGE)

    @router.get("/{letter_id}")
    async def show_dead_letter(
        request: Request, caller: Annotated[Caller, Depends(signed_in)], letter_id: UUID
    ) -> Response:
        letter = await reader.get(caller.tenant, letter_id)
        if letter is None:
            raise NotFound("This dead letter does not exist. It may have been replayed or discarded")
        return pages.page(request, viewer_of(request), "dead_letter", {"letter": _row(letter)})

    @router.post("/{letter_id}/replay", dependencies=[Depends(form_of)])
    async def replay_one(request: Request, caller: Annotated[Caller, Depends(manages)], letter_id: UUID) -> Response:
        letter = await reader.get(caller.tenant, letter_id)
        if letter is None:
            raise NotFound("This dead letter has already been replayed or discarded")
        if not await replays.one(actor_of(request, caller), letter_id):
            raise Conflict("This dead letter has no notification that can be sent again")
        return redirect(f"{PREFIX}/notifications/{letter.notification_id}?done=replayed")

    @router.post("/{letter_id}/discard", dependencies=[Depends(form_of)])
    async def discard(request: Request, caller: Annotated[Caller, Depends(manages)], letter_id: UUID) -> Response:
        if not await replays.discard(actor_of(request, caller), letter_id):
            raise NotFound("This dead letter has already been replayed or discarded")
        return redirect(f"{PATH}?done=discarded")


def _given(parameters: Mapping[str, str]) -> Mapping[str, str]:
    return {name: parameters[name] for name in _FIELDS if parameters.get(name)}


def _rate(form: Mapping[str, str]) -> float | str | None:
    """The rate in the form. Invalid numbers are returned as text, so that ReplayRequest reports the field."""
    text = form.get("rate")
    try:
        return None if text is None else float(text)
    except ValueError:
        return text


def _filter(given: Mapping[str, str]) -> DeadLetterFilter:
    """The filter of a form or query. Raises ValidationFailed with the field."""
    fields: dict[str, Any] = {**given, "older_than": moment_of("older_than", given)}
    try:
        return DeadLetterFilter.model_validate({name: value for name, value in fields.items() if value is not None})
    except ValidationError as error:
        raise ValidationFailed(details=details_of(error.errors())) from None


def _group_query(given: Mapping[str, str], reason: str, channel: Channel) -> str:
    return urlencode({**given, "reason": reason, "channel": channel.value})


def _row(letter: DeadLetterView) -> Mapping[str, Any]:
    whole = letter.model_dump()
    ids: Sequence[str] = ("id", "notification_id")
    texts = {name: str(whole[name]) if whole[name] is not None else None for name in ids}
    return {**whole, **texts, "channel": letter.channel.value}
