"""`/users/import` and `/users/imports/{import_id}`."""

from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request

from angarium.contracts.envelope import Envelope, one
from angarium.contracts.scopes import Scope
from angarium.contracts.users import ImportView
from angarium.platform.auth.caller import Caller
from angarium.platform.http.frame.dependencies import requires
from angarium.services.users.imports.rows import COLUMNS
from angarium.services.users.imports.use_cases import Imports

PATH = "/users/import"
BYTES = 16 * 1024 * 1024
Reader = Annotated[Caller, Depends(requires(Scope.USERS_READ))]
Writer = Annotated[Caller, Depends(requires(Scope.USERS_WRITE))]
Upsert = Annotated[bool, Query(description="Change the user who has a row's email, instead of refusing")]
_CONTENT = {
    "requestBody": {
        "required": True,
        "content": {
            "text/csv": {"schema": {"type": "string"}, "example": f"{','.join(COLUMNS[:3])}\nAda,ada@example.com,\n"},
            "application/x-ndjson": {
                "schema": {"type": "string"},
                "example": '{"name": "Ada", "email": "a@b.example"}',
            },
        },
    }
}


def routes(imports: Imports) -> APIRouter:
    """Start an import and read its progress."""
    router = APIRouter(tags=["users"])

    @router.post(PATH, status_code=HTTPStatus.ACCEPTED, openapi_extra=_CONTENT)
    async def import_users(request: Request, caller: Writer, *, upsert: Upsert = False) -> Envelope[ImportView]:
        """Import users from a CSV or JSON lines file of at most 16 MB and 100,000 rows.

        Invalid rows are reported, the others are imported. The import continues after the answer; its progress and
        report are at `/users/imports/{import_id}`. A tenant's imports run one after another; if more than four wait,
        the next one is refused with 429.
        """
        content_type, body = request.headers.get("content-type", ""), await request.body()
        return one(await imports.start(caller.tenant, content_type, body, upsert=upsert), "Import started")

    @router.get("/users/imports/{import_id}")
    async def get_user_import(caller: Reader, import_id: UUID) -> Envelope[ImportView]:
        """The progress of an import, and its errors by line (the first 1,000)."""
        return one(await imports.look(caller.tenant, import_id))

    return router
