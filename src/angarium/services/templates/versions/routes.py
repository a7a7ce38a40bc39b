"""`/templates/{code}/versions` and the difference between two."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Response

from angarium.contracts.envelope import Envelope, one
from angarium.contracts.fields import HIGHEST_VERSION
from angarium.contracts.templates import TemplateVersionCreate, TemplateView, VersionView
from angarium.platform.http.frame.conditional import tag
from angarium.platform.http.frame.short_lists import ShortPage, short_list
from angarium.services.templates.library.parameters import (
    IfMatch,
    Number,
    Reader,
    Writer,
)
from angarium.services.templates.library.views import template_view
from angarium.services.templates.versions.use_cases import Versions
from angarium.services.templates.versions.views import version_view

From = Annotated[
    int, Query(alias="from", ge=1, le=HIGHEST_VERSION, description="The version before the change", examples=[1])
]
To = Annotated[int, Query(ge=1, le=HIGHEST_VERSION, description="The version after the change", examples=[2])]


def routes(versions: Versions) -> APIRouter:
    """Routes to draft, list, publish and compare versions."""
    router = APIRouter(prefix="/templates/{code}", tags=["templates"])
    _add(router, versions)
    _list(router, versions)
    _publish(router, versions)
    _compare(router, versions)
    return router


def _add(router: APIRouter, versions: Versions) -> None:
    @router.post("/versions", status_code=HTTPStatus.CREATED)
    async def add_version(
        caller: Writer,
        code: str,
        body: TemplateVersionCreate,
        response: Response,
        if_match: IfMatch = None,
    ) -> Envelope[TemplateView]:
        """Create a draft.

        Omitted properties, such as name, channel and language, are taken from the previous version.
        """
        template, version = await versions.add(caller, code, body, if_match)
        tag(response, template.revision)
        return one(template_view(template, version), "Draft created")


def _list(router: APIRouter, versions: Versions) -> None:
    @router.get("/versions")
    async def list_versions(caller: Reader, code: str, page: ShortPage) -> Envelope[list[VersionView]]:
        """Newest first."""
        found, total = await versions.page(caller.tenant, code, page)
        return short_list([version_view(version) for version in found], total=total, page=page)


def _publish(router: APIRouter, versions: Versions) -> None:
    @router.post("/versions/{version}/publish")
    async def publish_version(
        caller: Writer, code: str, version: Number, response: Response, if_match: IfMatch = None
    ) -> Envelope[TemplateView]:
        """Publish this version. Publishing an older one is a rollback."""
        template, found = await versions.publish(caller.tenant, code, version, if_match)
        tag(response, template.revision)
        return one(template_view(template, found), "Version published")


def _compare(router: APIRouter, versions: Versions) -> None:
    @router.get("/diff")
    async def diff_versions(caller: Reader, code: str, old: From, to: To) -> Envelope[dict[str, int | dict[str, str]]]:
        """A unified diff of each differing part."""
        changes = await versions.diff(caller.tenant, code, old, to)
        return one({"from": old, "to": to, "parts": changes})
