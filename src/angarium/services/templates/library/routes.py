"""`/templates`."""

from http import HTTPStatus

from fastapi import APIRouter, Response

from angarium.contracts.envelope import Envelope, many, one
from angarium.contracts.templates import TemplateCreate, TemplateView
from angarium.platform.http.frame.conditional import tag
from angarium.platform.http.frame.dependencies import Page
from angarium.platform.http.frame.openapi import conflict
from angarium.services.templates.library.parameters import (
    CategoryQuery,
    ChannelQuery,
    IfMatch,
    LocaleQuery,
    NumberQuery,
    Part,
    Reader,
    Writer,
)
from angarium.services.templates.library.store import Filter
from angarium.services.templates.library.use_cases import Library
from angarium.services.templates.library.views import template_view


def routes(library: Library) -> APIRouter:
    """Create, archive, list, read."""
    router = APIRouter(prefix="/templates", tags=["templates"])
    _write(router, library)
    _read(router, library)
    return router


def _read(router: APIRouter, library: Library) -> None:
    @router.get("")
    async def list_templates(
        caller: Reader,
        page: Page,
        channel: ChannelQuery = None,
        category: CategoryQuery = None,
        search: Part = None,
    ) -> Envelope[list[TemplateView]]:
        """List the published version of each template, ordered by code.

        `search` matches a part of the code, name or description.
        """
        wanted = Filter(channel=channel, category=category, search=search)
        found = await library.find(caller.tenant, wanted, page)
        views = [template_view(template, version) for template, version in found.entries]
        return many(views, total=found.total, limit=page.limit, page=page.page, next_cursor=found.next_cursor)

    @router.get("/{code}")
    async def get_template(
        caller: Reader,
        code: str,
        response: Response,
        version: NumberQuery | None = None,
        locale: LocaleQuery = None,
    ) -> Envelope[TemplateView]:
        """The published version, or `version`, with its parts in `locale` or the nearest available language."""
        template, found = await library.get(caller.tenant, code, version)
        tag(response, template.revision)
        return one(template_view(template, found, locale))


def _write(router: APIRouter, library: Library) -> None:
    @router.post("", status_code=HTTPStatus.CREATED, responses=conflict("The code is taken"))
    async def create_template(caller: Writer, body: TemplateCreate, response: Response) -> Envelope[TemplateView]:
        """Create a template and publish its first version. 409 `conflict` if the code is taken."""
        template, version = await library.create(caller, body)
        tag(response, template.revision)
        return one(template_view(template, version), "Template created")

    @router.delete("/{code}")
    async def archive_template(caller: Writer, code: str, if_match: IfMatch = None) -> Envelope[dict[str, str]]:
        """Archive the template. Accepted notifications are still sent."""
        await library.archive(caller.tenant, code, if_match)
        return one({"code": code}, "Template archived")
