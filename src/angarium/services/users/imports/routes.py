"""`/users/import` and `/users/imports/{import_id}`."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request

from angarium.contracts.envelope import Envelope, one
from angarium.contracts.scopes import Scope
from angarium.contracts.users import ImportView
from angarium.platform.auth.caller import Caller
from angarium.platform.http.frame.dependencies import requires
from angarium.services.users.imports.rows import COLUMNS
from angarium.services.users.imports.store import ImportJobs
from angarium.services.users.imports.use_cases import Imports

PATH = "/users/import"
BYTES = 16 * 1024 * 1024
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


class ImportRoutes:
    """Start an import, look how far it is."""

    def __init__(self, imports: Imports, jobs: ImportJobs) -> None:
        self._imports = imports
        self._jobs = jobs

    def router(self) -> APIRouter:
        router = APIRouter(tags=["users"])
        router.add_api_route(
            PATH, self.start, name="import_users", methods=["POST"], status_code=202, openapi_extra=_CONTENT
        )
        router.add_api_route("/users/imports/{import_id}", self.get, name="get_user_import", methods=["GET"])
        return router

    async def start(
        self,
        request: Request,
        caller: Annotated[Caller, Depends(requires(Scope.USERS_WRITE))],
        *,
        upsert: Annotated[
            bool, Query(description="Change the user who has a row's email, instead of refusing")
        ] = False,
    ) -> Envelope[ImportView]:
        """Take in a file of users, CSV or JSON lines, at most 16 MB and 100,000 rows.

        Bad rows are reported, the others go in. Goes on after the answer: its progress and report are at
        `/users/imports/{import_id}`. The imports of a tenant run one after another; when more than four wait, the next
        is a 429.
        """
        content_type, body = request.headers.get("content-type", ""), await request.body()
        job = await self._imports.start(caller.tenant, content_type, body, upsert=upsert)
        return one(job.view(job.updated_at), "Import started")

    async def get(
        self, request: Request, caller: Annotated[Caller, Depends(requires(Scope.USERS_READ))], import_id: UUID
    ) -> Envelope[ImportView]:
        """How far an import is, and what was wrong with which line (the first 1,000 faults)."""
        job = await self._jobs.get(caller.tenant, import_id)
        return one(job.view(request.app.state.clock.now()))
