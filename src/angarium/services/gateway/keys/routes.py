"""`/api/v1/keys`: API keys of the caller's tenant, for admins."""

from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response

from angarium.contracts.envelope import Envelope, one
from angarium.contracts.keys import KeyCreate, KeyCreated, KeyView
from angarium.contracts.scopes import Scope
from angarium.platform.auth.caller import Caller
from angarium.platform.http.frame.dependencies import requires
from angarium.platform.http.frame.openapi import conflict
from angarium.platform.http.frame.short_lists import ShortPage, short_list
from angarium.services.gateway.audit.acting import actor_of
from angarium.services.gateway.keys.ring import KeyRing
from angarium.services.gateway.keys.use_cases import Keys
from angarium.services.gateway.keys.views import key_created, key_view

PATH = "/api/v1/keys"
Admin = Annotated[Caller, Depends(requires(Scope.ADMIN))]


def routes(keys: Keys, ring: KeyRing) -> APIRouter:
    """List, create, revoke, rotate. Changes clear the ring's cache."""
    router = APIRouter(prefix=PATH, tags=["keys"])

    @router.get("")
    async def list_keys(caller: Admin, page: ShortPage) -> Envelope[list[KeyView]]:
        """Keys, newest first. The secrets are not stored and cannot be shown."""
        found, total = await keys.page(caller.tenant, limit=page.limit, page=page.page)
        return short_list([key_view(key) for key in found], total=total, page=page)

    @router.post("", status_code=HTTPStatus.CREATED, responses=conflict("A living key has this name"))
    async def create_key(request: Request, caller: Admin, body: KeyCreate, response: Response) -> Envelope[KeyCreated]:
        """Create a key. Only this answer shows it.

        403 `forbidden` if the key would have more permissions than the caller's: a live key created by a test key, or a
        higher rate.
        """
        response.headers["cache-control"] = "no-store"
        fresh = await keys.create(actor_of(request, caller), body)
        ring.forget()
        return one(key_created(fresh), "Key created; it is shown only now")

    @router.delete("/{key_id}")
    async def revoke_key(request: Request, caller: Admin, key_id: UUID) -> Envelope[None]:
        """Revoke a key, effective everywhere within 60 s."""
        await keys.revoke(actor_of(request, caller), key_id)
        ring.forget()
        return one(None, "Key revoked")

    @router.post("/{key_id}/rotate", status_code=HTTPStatus.CREATED)
    async def rotate_key(request: Request, caller: Admin, key_id: UUID, response: Response) -> Envelope[KeyCreated]:
        """Replace a key by a new one with the same name and scopes; the old one is revoked."""
        response.headers["cache-control"] = "no-store"
        fresh = await keys.rotate(actor_of(request, caller), key_id)
        ring.forget()
        return one(key_created(fresh), "Key rotated; the new one is shown only now")

    return router
