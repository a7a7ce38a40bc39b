"""`/dashboard/templates`: versions, previews, differences, publication, test messages."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import urlencode

import msgspec
from fastapi import APIRouter, Depends, Request
from starlette.responses import HTMLResponse, Response

from angarium.contracts.errors import NotFound, Rejected, ValidationFailed
from angarium.contracts.fields import HIGHEST_VERSION
from angarium.contracts.scopes import Scope
from angarium.contracts.statuses import Channel
from angarium.platform.auth.caller import Caller
from angarium.services.gateway.audit.acting import actor_of
from angarium.services.gateway.dashboard.frames import Mode, with_mode
from angarium.services.gateway.dashboard.library.differences import parts_of
from angarium.services.gateway.dashboard.library.use_cases import Chosen, Library
from angarium.services.gateway.dashboard.library.views import previews_of, sample_of, sources_of, versions_of
from angarium.services.gateway.dashboard.pages import CONTENT_HEADERS, Pages, error_text, redirect
from angarium.services.gateway.dashboard.viewing import PREFIX, Viewers, form_of, viewer_of

PATH = f"{PREFIX}/templates"
_KEPT = ("version", "locale", "variables")
Form = Annotated[Mapping[str, str], Depends(form_of)]


def routes(library: Library, pages: Pages, viewers: Viewers) -> APIRouter:
    """List, show, preview, compare, publish and archive templates; send test messages."""
    router = APIRouter(prefix=PATH, include_in_schema=False)
    _show(router, library, pages, viewers)
    _compare(router, library, pages, viewers)
    _publish(router, library, viewers)
    _test(router, library, pages, viewers)
    return router


def _show(router: APIRouter, library: Library, pages: Pages, viewers: Viewers) -> None:
    reads = viewers.requires(Scope.TEMPLATES_READ)

    @router.get("")
    async def list_templates(request: Request, caller: Annotated[Caller, Depends(reads)]) -> Response:
        listed = await library.find(caller, request.query_params.get("cursor"))
        older = f"{PATH}?{urlencode({'cursor': listed.next_cursor})}" if listed.next_cursor else None
        values = {"rows": listed.rows, "total": listed.total, "older": older}
        return pages.page(request, viewer_of(request), "templates", values)

    @router.get("/{code}")
    async def show_template(request: Request, caller: Annotated[Caller, Depends(reads)], code: str) -> Response:
        return await _page(request, caller, code, request.query_params, library, pages)

    @router.get("/{code}/html")
    async def show_html(request: Request, caller: Annotated[Caller, Depends(reads)], code: str) -> Response:
        """The HTML of an email preview, for a sandboxed frame."""
        given = request.query_params
        chosen = chosen_of(given)
        template = await library.get(caller, code, chosen)
        variables = _variables(given.get("variables") or sample_of(template))
        html = (await library.preview(caller, code, chosen, variables, Channel.EMAIL)).get("html")
        if html is None:
            raise NotFound
        look = Mode.DARK if given.get("look") == Mode.DARK else Mode.LIGHT
        return HTMLResponse(with_mode(html, look), headers=dict(CONTENT_HEADERS))


def _compare(router: APIRouter, library: Library, pages: Pages, viewers: Viewers) -> None:
    reads = viewers.requires(Scope.TEMPLATES_READ)

    @router.get("/{code}/diff")
    async def show_diff(request: Request, caller: Annotated[Caller, Depends(reads)], code: str) -> Response:
        given = request.query_params
        old, new = _number("from", given.get("from", "")), _number("to", given.get("to", ""))
        if old is None or new is None:
            raise ValidationFailed.of("from" if old is None else "to", "is required")
        values = {
            "code": code,
            "from": old,
            "to": new,
            "versions": await library.versions(caller, code),
            "parts": parts_of(await library.diff(caller, code, old, new)),
        }
        return pages.page(request, viewer_of(request), "template_diff", values)


def _publish(router: APIRouter, library: Library, viewers: Viewers) -> None:
    writes = viewers.requires(Scope.TEMPLATES_WRITE)

    @router.post("/{code}/versions/{version}/publish", dependencies=[Depends(form_of)])
    async def publish_version(
        request: Request, caller: Annotated[Caller, Depends(writes)], code: str, version: str
    ) -> Response:
        number = _number("version", version)
        if number is None:
            raise NotFound
        await library.publish(actor_of(request, caller), code, number)
        return redirect(f"{PATH}/{code}?done=published")

    @router.post("/{code}/archive", dependencies=[Depends(form_of)])
    async def archive_template(request: Request, caller: Annotated[Caller, Depends(writes)], code: str) -> Response:
        await library.archive(actor_of(request, caller), code)
        return redirect(f"{PATH}?done=archived")


def _test(router: APIRouter, library: Library, pages: Pages, viewers: Viewers) -> None:
    sends = viewers.requires(Scope.NOTIFICATIONS_SEND)

    @router.post("/{code}/test")
    async def send_test(request: Request, caller: Annotated[Caller, Depends(sends)], code: str, form: Form) -> Response:
        """Send the shown version as a test message. Errors are shown on the same page."""
        try:
            channel, to = form.get("channel", ""), form.get("to")
            if to is None:
                raise ValidationFailed.of("to", "is required")
            variables = _variables(form.get("variables") or "{}")
            made = await library.send_test(actor_of(request, caller), code, chosen_of(form), channel, to, variables)
        except Rejected as fault:
            return await _page(request, caller, code, form, library, pages, fault)
        return redirect(f"{PREFIX}/notifications/{made}?done=test_sent")


async def _page(
    request: Request,
    caller: Caller,
    code: str,
    given: Mapping[str, str],
    library: Library,
    pages: Pages,
    fault: Rejected | None = None,
) -> Response:
    """The page of a version with its preview.

    `given` has `version`, `locale` and `variables`. `fault` is the error of a test message.
    """
    chosen = chosen_of(given)
    template = await library.get(caller, code, chosen)
    written = given.get("variables") or sample_of(template)
    values: dict[str, Any] = {
        "template": template,
        "sources": sources_of(template),
        "locale": chosen.locale or template["language"],
        "languages": await _languages(library, caller, code, chosen, template),
        "versions": versions_of(await library.versions(caller, code), template["version"]),
        "variables": written,
        "query": urlencode({name: given[name] for name in _KEPT if given.get(name)}),
        "form": {"to": given.get("to", ""), "channel": given.get("channel", "")},
    }
    try:
        values["preview"] = previews_of(await library.previews(caller, code, chosen, _variables(written)))
    except ValidationFailed as wrong:
        fault = fault or wrong
    values["fault"] = None if fault is None else error_text(fault)
    status = HTTPStatus.OK if fault is None else fault.http_status
    return pages.page(request, viewer_of(request), "template", values, status=status)


async def _languages(
    library: Library, caller: Caller, code: str, chosen: Chosen, template: Mapping[str, Any]
) -> list[str]:
    """Every language of a version. A translation's view does not include the template's own language."""
    own = template if chosen.locale is None else await library.get(caller, code, Chosen(chosen.version))
    return sorted({own["language"], *own.get("translations", {})})


def chosen_of(given: Mapping[str, str]) -> Chosen:
    """The version and language in a query or form. Raises ValidationFailed."""
    return Chosen(_number("version", given.get("version", "")), given.get("locale") or None)


def _number(field: str, text: str) -> int | None:
    if text and not (text.isdecimal() and 1 <= int(text[:12]) <= HIGHEST_VERSION):
        raise ValidationFailed.of(field, "must be a version number")
    return int(text) if text else None


def _variables(text: str) -> Mapping[str, Any]:
    try:
        variables = msgspec.json.decode(text)
    except (ValueError, RecursionError):
        variables = None
    if not isinstance(variables, dict):
        raise ValidationFailed.of("variables", 'must be a JSON object, such as {"name": "Ada"}')
    return variables
