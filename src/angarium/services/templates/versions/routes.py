"""`/templates/{code}/versions` and the difference between two."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from angarium.contracts.envelope import Envelope, many, one
from angarium.contracts.fields import HIGHEST_VERSION
from angarium.contracts.templates import TemplateVersionCreate, TemplateView, VersionView
from angarium.platform.http.frame.dependencies import NumberedPage
from angarium.services.templates.library.parameters import (
    IfMatch,
    Number,
    NumberQuery,
    Reader,
    UseCases,
    Writer,
    tag,
)
from angarium.services.templates.library.views import template_view, version_view

From = Annotated[int, Query(alias="from", ge=1, le=HIGHEST_VERSION)]


def versions_router() -> APIRouter:
    """Draft, list, publish, compare."""
    router = APIRouter(prefix="/templates/{code}", tags=["templates"])

    @router.post("/versions", status_code=201)
    async def add_version(
        caller: Writer,
        library: UseCases,
        code: str,
        body: TemplateVersionCreate,
        response: Response,
        if_match: IfMatch = None,
    ) -> Envelope[TemplateView]:
        """A draft. The name, channel, language and the like stay as they were where they aren't named."""
        template, version = await library.add_version(caller, code, body, if_match)
        tag(response, template)
        return one(template_view(template, version), "Draft created")

    @router.get("/versions")
    async def list_versions(
        caller: Reader, library: UseCases, code: str, page: NumberedPage
    ) -> Envelope[list[VersionView]]:
        """Newest first."""
        found, total = await library.versions(caller.tenant, code, page)
        return many([version_view(version) for version in found], total=total, limit=page.limit, page=page.page)

    @router.post("/versions/{version}/publish")
    async def publish_version(
        caller: Writer, library: UseCases, code: str, version: Number, response: Response, if_match: IfMatch = None
    ) -> Envelope[TemplateView]:
        """From now on this version is sent; an older one rolls back."""
        template, found = await library.publish(caller.tenant, code, version, if_match)
        tag(response, template)
        return one(template_view(template, found), "Version published")

    @router.get("/diff")
    async def diff_versions(
        caller: Reader, library: UseCases, code: str, old: From, to: NumberQuery
    ) -> Envelope[dict[str, int | dict[str, str]]]:
        """A unified diff for each part that differs."""
        changes = await library.diff(caller.tenant, code, old, to)
        return one({"from": old, "to": to, "parts": changes})

    return router
