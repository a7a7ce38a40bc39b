"""`/internal/v1`: routes for other services."""

from fastapi import APIRouter

from angarium.contracts.envelope import Envelope, one
from angarium.contracts.templates import CompiledTemplate, PublishedPointer
from angarium.platform.http.frame.answers import JsonBytes
from angarium.services.templates.compiled.use_cases import CompiledTemplates
from angarium.services.templates.library.parameters import Number, Service


def routes(templates: CompiledTemplates) -> APIRouter:
    """Routes of published version numbers and compiled versions."""
    router = APIRouter(prefix="/internal/v1/templates/{code}", tags=["internal"], include_in_schema=False)

    @router.get("/published", response_model=Envelope[PublishedPointer])
    async def published(caller: Service, code: str) -> JsonBytes:
        """The number of the published version."""
        template = await templates.published(caller.tenant, code)
        return JsonBytes(one(PublishedPointer(code=code, version=template.published_version)).model_dump_json())

    @router.get("/versions/{version}", response_model=Envelope[CompiledTemplate])
    async def compiled(caller: Service, code: str, version: Number) -> JsonBytes:
        """A version ready to render, archived or not."""
        return JsonBytes(one(await templates.compiled(caller.tenant, code, version)).model_dump_json())

    return router
