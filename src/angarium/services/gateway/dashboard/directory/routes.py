"""`/dashboard/users` and `/dashboard/templates`."""

from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from fastapi import APIRouter, Depends, Request
from starlette.responses import HTMLResponse, Response

from angarium.contracts.errors import NotFound, ValidationFailed
from angarium.contracts.scopes import Scope
from angarium.platform.auth.caller import Caller
from angarium.services.gateway.dashboard.directory.use_cases import Chosen, Directory
from angarium.services.gateway.dashboard.notifications.views import as_text
from angarium.services.gateway.dashboard.pages import CONTENT_HEADERS, Pages, words_of
from angarium.services.gateway.dashboard.viewing import PREFIX, Viewers, viewer_of

USERS, TEMPLATES = f"{PREFIX}/users", f"{PREFIX}/templates"
PARTS = ("subject", "content", "html", "mjml", "text", "title", "body", "image", "link", "json")
"""The sources of a template, in the order in which they are shown."""


def routes(directory: Directory, pages: Pages, viewers: Viewers) -> APIRouter:
    """Users; templates with their versions and a preview."""
    router = APIRouter(prefix=PREFIX, include_in_schema=False)
    _users(router, directory, pages, viewers)
    _templates(router, directory, pages, viewers)
    return router


def _users(router: APIRouter, directory: Directory, pages: Pages, viewers: Viewers) -> None:
    reads = viewers.requires(Scope.USERS_READ)

    @router.get("/users")
    async def list_users(request: Request, caller: Annotated[Caller, Depends(reads)]) -> Response:
        search = request.query_params.get("search", "").strip()[:320].replace("\0", "")
        listed = await directory.users(caller, search, request.query_params.get("cursor"))
        values = {"rows": listed.rows, "total": listed.total, "search": search}
        older = _older(USERS, {"search": search}, listed.next_cursor)
        return pages.page(request, viewer_of(request), "users", {**values, "older": older})

    @router.get("/users/{user_id}")
    async def show_user(request: Request, caller: Annotated[Caller, Depends(reads)], user_id: UUID) -> Response:
        person = await directory.user(caller, user_id)
        preferences = person.preferences
        values = {
            "user": {**person.user, "metadata": as_text(person.user.get("metadata"))},
            "channels": {name: preferences.get(name) for name in ("email", "push", "sms", "webhook")},
            "categories": [{"name": name, **chosen} for name, chosen in preferences.get("categories", {}).items()],
            "quiet_hours": preferences.get("quiet_hours"),
            "devices": person.devices,
        }
        return pages.page(request, viewer_of(request), "user", values)


def _templates(router: APIRouter, directory: Directory, pages: Pages, viewers: Viewers) -> None:
    reads = viewers.requires(Scope.TEMPLATES_READ)

    @router.get("/templates")
    async def list_templates(request: Request, caller: Annotated[Caller, Depends(reads)]) -> Response:
        listed = await directory.templates(caller, request.query_params.get("cursor"))
        older = _older(TEMPLATES, {}, listed.next_cursor)
        return pages.page(
            request, viewer_of(request), "templates", {"rows": listed.rows, "total": listed.total, "older": older}
        )

    @router.get("/templates/{code}")
    async def show_template(request: Request, caller: Annotated[Caller, Depends(reads)], code: str) -> Response:
        given = request.query_params
        chosen = _chosen(given)
        template = await directory.template(caller, code, chosen)
        values: dict[str, Any] = {
            "template": template,
            "parts": [{"name": name, "source": template[name]} for name in PARTS if template.get(name)],
            "languages": sorted({template["language"], *template.get("translations", {})}),
            "versions": await directory.versions(caller, code),
            "variables": given.get("variables") or _sample(template),
            "preview": None,
            "query": urlencode({name: given[name] for name in ("version", "locale", "variables") if given.get(name)}),
        }
        status = 200
        if "variables" in given:
            try:
                values["preview"] = await directory.preview(caller, code, chosen, _variables(given))
            except ValidationFailed as fault:
                values["fault"], status = words_of(fault), fault.http_status
        return pages.page(request, viewer_of(request), "template", values, status=status)

    @router.get("/templates/{code}/html")
    async def show_html(request: Request, caller: Annotated[Caller, Depends(reads)], code: str) -> Response:
        """The preview of a mail, for a frame."""
        given = request.query_params
        html = (await directory.preview(caller, code, _chosen(given), _variables(given))).get("html")
        if html is None:
            raise NotFound
        return HTMLResponse(html, headers=dict(CONTENT_HEADERS))


def _older(path: str, query: Mapping[str, str], cursor: str | None) -> str | None:
    kept = {name: value for name, value in query.items() if value}
    return f"{path}?{urlencode({**kept, 'cursor': cursor})}" if cursor else None


def _chosen(given: Mapping[str, str]) -> Chosen:
    version = given.get("version", "")
    if version and not (version.isdecimal() and len(version) < 10):  # noqa: PLR2004 - fits an INTEGER column
        raise ValidationFailed.of("version", "must be a number")
    return Chosen(int(version) if version else None, given.get("locale") or None)


def _variables(given: Mapping[str, str]) -> Mapping[str, Any]:
    try:
        variables = msgspec.json.decode(given.get("variables") or "{}")
    except (ValueError, RecursionError):
        variables = None
    if not isinstance(variables, dict):
        raise ValidationFailed.of("variables", 'must be an object in JSON, such as {"name": "Ada"}')
    return variables


def _sample(template: Mapping[str, Any]) -> str:
    """Variables to begin with: each required one with its own name."""
    names = {**{name: name for name in template.get("required_variables", ())}, **template.get("defaults", {})}
    return as_text(names) or "{}"
