"""`/api/v1/keys`: API keys of the caller's tenant, for admins."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request

from angarium.contracts.envelope import Envelope, many, one
from angarium.contracts.keys import KeyCreate, KeyCreated, KeyView
from angarium.contracts.scopes import Scope
from angarium.platform.auth.caller import Caller
from angarium.platform.http.frame.dependencies import NumberedPage, requires
from angarium.platform.http.frame.openapi import conflict
from angarium.services.gateway.audit.acting import actor_of
from angarium.services.gateway.keys.ring import KeyRing
from angarium.services.gateway.keys.store import ApiKey
from angarium.services.gateway.keys.use_cases import FreshKey, Keys

PATH = "/api/v1/keys"
Admin = Annotated[Caller, Depends(requires(Scope.ADMIN))]


class KeyRoutes:
    """Makes, lists, rotates and revokes keys."""

    def __init__(self, keys: Keys, ring: KeyRing) -> None:
        self._keys = keys
        self._ring = ring

    def router(self) -> APIRouter:
        router = APIRouter(prefix=PATH, tags=["keys"])
        router.add_api_route("", self.page, name="list_keys", methods=["GET"], response_model=Envelope[list[KeyView]])
        router.add_api_route(
            "",
            self.create,
            name="create_key",
            responses=conflict("A living key has this name"),
            methods=["POST"],
            status_code=201,
            response_model=Envelope[KeyCreated],
        )
        router.add_api_route(
            "/{key_id}", self.revoke, name="revoke_key", methods=["DELETE"], response_model=Envelope[None]
        )
        router.add_api_route(
            "/{key_id}/rotate",
            self.rotate,
            name="rotate_key",
            methods=["POST"],
            status_code=201,
            response_model=Envelope[KeyCreated],
        )
        return router

    async def page(self, caller: Admin, page: NumberedPage) -> Envelope[list[KeyView]]:
        """Keys, newest first; the secrets are not kept and cannot be shown."""
        keys, total = await self._keys.page(caller.tenant, limit=page.limit, page=page.page)
        return many([_view(key) for key in keys], total=total, limit=page.limit, page=page.page)

    async def create(self, request: Request, caller: Admin, body: KeyCreate) -> Envelope[KeyCreated]:
        """Make a key. This answer is the only one that shows it."""
        fresh = await self._keys.create(actor_of(request, caller), body)
        self._ring.forget()
        return one(_created(fresh), "Key created; it is shown only now")

    async def rotate(self, request: Request, caller: Admin, key_id: UUID) -> Envelope[KeyCreated]:
        """Replace a key by a new one of the same name and scopes; the old one is revoked."""
        fresh = await self._keys.rotate(actor_of(request, caller), key_id)
        self._ring.forget()
        return one(_created(fresh), "Key rotated; the new one is shown only now")

    async def revoke(self, request: Request, caller: Admin, key_id: UUID) -> Envelope[None]:
        """Revoke a key, in force everywhere within 60 s."""
        await self._keys.revoke(actor_of(request, caller), key_id)
        self._ring.forget()
        return one(None, "Key revoked")


def _view(key: ApiKey) -> KeyView:
    return KeyView(
        key_id=key.key_id,
        name=key.name,
        tenant=key.tenant,
        kind=key.kind,
        scopes=sorted(key.scopes),
        rate_limit=key.rate_limit,
        created_at=key.created_at,
        last_used_at=key.last_used_at,
        revoked_at=key.revoked_at,
    )


def _created(fresh: FreshKey) -> KeyCreated:
    return KeyCreated(**_view(fresh.key).model_dump(), key=fresh.secret)
