"""`/dashboard/templates/-/edit`: the template editor. Codes cannot start with a hyphen, so the path is unambiguous."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from angarium.contracts.errors import Rejected, ServiceUnavailable, Transient
from angarium.contracts.scopes import Scope
from angarium.contracts.statuses import Channel, DeliveryPolicy
from angarium.platform.auth.caller import Caller
from angarium.services.gateway.audit.acting import actor_of
from angarium.services.gateway.dashboard.editor.faults import faults_of
from angarium.services.gateway.dashboard.editor.form import (
    EMPTY,
    LANGUAGES,
    Fields,
    blank,
    body_of,
    fields_of,
    languages_of,
    sections_of,
)
from angarium.services.gateway.dashboard.library.routes import PATH as TEMPLATES
from angarium.services.gateway.dashboard.library.routes import chosen_of
from angarium.services.gateway.dashboard.library.use_cases import Library
from angarium.services.gateway.dashboard.pages import Pages, error_text, redirect
from angarium.services.gateway.dashboard.viewing import Viewers, text_form_of, viewer_of

PATH = f"{TEMPLATES}/-/edit"
FORM_BYTES = 1024 * 1024
"""The templates service accepts bodies of 256 KB, which are up to three times as large when encoded as a form."""
_ADDED = "The language was added below. Nothing is saved yet."
_NEW = "new"
"""The value of the form's field `base`, the version that is edited, for a new template."""


def routes(library: Library, pages: Pages, viewers: Viewers) -> APIRouter:
    """Open the editor, save its content, or add a language to the form."""
    router = APIRouter(prefix=PATH, include_in_schema=False)
    writes = viewers.requires(Scope.TEMPLATES_WRITE)

    @router.get("")
    async def open_editor(request: Request, caller: Annotated[Caller, Depends(writes)]) -> Response:
        """Edit the template `code`, from `version` or the published version. Without a code, create a template."""
        code = request.query_params.get("code")
        if not code:
            return _page(request, pages, blank(), base=_NEW)
        template = await library.get(caller, code, chosen_of({"version": request.query_params.get("version", "")}))
        return _page(request, pages, fields_of(template), base=str(template["version"]))

    @router.post("")
    async def save_template(
        request: Request,
        caller: Annotated[Caller, Depends(writes)],
        form: Annotated[Mapping[str, str], Depends(text_form_of)],
    ) -> Response:
        """Save an existing template as a draft; publish a new template, as the API does.

        After an error, the form is shown again with its content.
        """
        base, code = form.get("base", _NEW), form.get("code", "").strip()
        if form.get("new_language", "").strip():  # Enter in this field submits the form with the first button
            return _page(request, pages, _with_language(form), base=base, said=_ADDED)
        try:
            body, actor = body_of(form), actor_of(request, caller)
            if base == _NEW:
                await library.create(actor, {"code": code, **body})
                return redirect(f"{TEMPLATES}/{quote(code, safe='')}?done=template_made")
            made = await library.save(actor, code, body)
        except Rejected as fault:
            return _page(request, pages, form, base=base, fault=fault)
        except Transient as away:
            return _page(request, pages, form, base=base, fault=ServiceUnavailable(f"Not saved; try again. {away}"))
        return redirect(f"{TEMPLATES}/{quote(code, safe='')}?version={made['version']}&done=draft_saved")

    return router


def _with_language(form: Fields) -> Fields:
    """The form with an additional empty translation."""
    added = form.get("new_language", "").strip().replace(",", "")
    return {**form, LANGUAGES: ",".join([*languages_of(form), added])}


def _page(
    request: Request,
    pages: Pages,
    fields: Fields,
    *,
    base: str,
    fault: Rejected | None = None,
    said: str | None = None,
) -> Response:
    faults: Sequence[Mapping[str, Any]] = () if fault is None else faults_of(fault.details, fields)
    values = {
        "fields": {**EMPTY, **fields},
        "base": base,
        "new": base == _NEW,
        "sections": list(sections_of(fields)),
        "languages": ",".join(languages_of(fields)),
        "channels": [channel.value for channel in Channel],
        "policies": [policy.value for policy in DeliveryPolicy],
        "faults": faults,
        "faulty": [one["field"] for one in faults],
        "done": said,
        "fault": error_text(fault) if fault is not None and not faults else None,
    }
    status = HTTPStatus.OK if fault is None else fault.http_status
    return pages.page(request, viewer_of(request), "template_editor", values, status=status)
