"""`/dashboard/keys`: API keys of the tenant. A key is shown once, on the page after its creation."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from pydantic import ValidationError
from starlette.responses import Response

from angarium.contracts.errors import Rejected, ValidationFailed
from angarium.contracts.keys import KeyCreate
from angarium.contracts.scopes import Scope
from angarium.platform.auth.caller import Caller
from angarium.platform.http.frame.validation import details_of
from angarium.services.gateway.audit.acting import actor_of
from angarium.services.gateway.dashboard.pages import Pages, error_text, page_number, pager, redirect
from angarium.services.gateway.dashboard.viewing import PREFIX, Viewers, form_of, viewer_of
from angarium.services.gateway.keys.ring import KeyRing
from angarium.services.gateway.keys.use_cases import FreshKey, Keys
from angarium.services.gateway.keys.views import key_view

PATH = f"{PREFIX}/keys"
LIMIT = 50
Form = Annotated[Mapping[str, str], Depends(form_of)]


def routes(keys: Keys, ring: KeyRing, pages: Pages, viewers: Viewers) -> APIRouter:
    """List, create, rotate, revoke. Each change clears the cache of `ring`, so that it takes effect at once."""
    router = APIRouter(prefix=PATH, include_in_schema=False)
    administers = viewers.requires(Scope.ADMIN)

    @router.get("")
    async def list_keys(request: Request, caller: Annotated[Caller, Depends(administers)]) -> Response:
        return await _page(request, caller, keys, pages)

    @router.post("")
    async def create_key(request: Request, caller: Annotated[Caller, Depends(administers)], form: Form) -> Response:
        try:
            fresh = await keys.create(actor_of(request, caller), _wanted(form))
        except Rejected as fault:
            return await _page(request, caller, keys, pages, form=form, fault=fault)
        ring.forget()
        return _shown_once(request, pages, fresh)

    @router.post("/{key_id}/rotate", dependencies=[Depends(form_of)])
    async def rotate_key(request: Request, caller: Annotated[Caller, Depends(administers)], key_id: UUID) -> Response:
        fresh = await keys.rotate(actor_of(request, caller), key_id)
        ring.forget()
        return _shown_once(request, pages, fresh)

    @router.post("/{key_id}/revoke", dependencies=[Depends(form_of)])
    async def revoke_key(request: Request, caller: Annotated[Caller, Depends(administers)], key_id: UUID) -> Response:
        await keys.revoke(actor_of(request, caller), key_id)
        ring.forget()
        return redirect(f"{PATH}?done=key_revoked")

    return router


def _wanted(form: Mapping[str, str]) -> KeyCreate:
    """The request in a form, which has a checkbox for each scope. Raises ValidationFailed."""
    fields = {
        "name": form.get("name", ""),
        "scopes": [scope for scope in Scope if f"scope.{scope}" in form],
        "kind": form.get("kind", "live"),
        "rate_limit": form.get("rate_limit"),
    }
    try:
        return KeyCreate.model_validate(fields)
    except ValidationError as error:
        raise ValidationFailed(details=details_of(error.errors())) from None


async def _page(
    request: Request,
    caller: Caller,
    keys: Keys,
    pages: Pages,
    *,
    form: Mapping[str, str] | None = None,
    fault: Rejected | None = None,
) -> Response:
    page = page_number(request)
    found, total = await keys.page(caller.tenant, limit=LIMIT, page=page)
    rows = [{**key_view(key).model_dump(), "key_id": str(key.key_id)} for key in found]
    given = form or {}
    values: dict[str, Any] = {
        "rows": rows,
        "total": total,
        "form": given,
        "scopes": [{"name": scope.value, "on": f"scope.{scope}" in given} for scope in Scope],
        "fault": None if fault is None else error_text(fault),
        **pager(PATH, {}, page, len(rows) == LIMIT),
    }
    status = HTTPStatus.OK if fault is None else fault.http_status
    return pages.page(request, viewer_of(request), "keys", values, status=status)


def _shown_once(request: Request, pages: Pages, fresh: FreshKey) -> Response:
    """The page with the secret. It is not a redirect, so that the secret is never part of a URL."""
    values = {"name": fresh.key.name, "tenant": fresh.key.tenant, "secret": fresh.secret, "back": PATH}
    return pages.page(request, viewer_of(request), "key_made", values, status=HTTPStatus.CREATED)
