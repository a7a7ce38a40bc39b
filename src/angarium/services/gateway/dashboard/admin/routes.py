"""`/dashboard/operators`, `/dashboard/audit`, `/dashboard/settings`: pages for admins."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from pydantic import ValidationError
from starlette.responses import Response

from angarium.contracts.errors import Forbidden, Rejected, ValidationFailed
from angarium.contracts.operators import OperatorCreate, Role
from angarium.contracts.scopes import Scope
from angarium.notifications.store.paging import Paging
from angarium.platform.auth.caller import Caller
from angarium.platform.auth.service_token import DEFAULT_TENANT
from angarium.platform.http.frame.validation import details_of
from angarium.platform.settings.showing import Shown
from angarium.services.gateway.audit.acting import actor_of
from angarium.services.gateway.audit.store import AuditFilter, AuditReader
from angarium.services.gateway.dashboard.pages import Pages, error_text, page_number, pager, redirect
from angarium.services.gateway.dashboard.viewing import PREFIX, Viewers, form_of, viewer_of
from angarium.services.gateway.operators.use_cases import Operators
from angarium.services.gateway.operators.views import operator_view

LIMIT = 50
OPERATORS, AUDIT = f"{PREFIX}/operators", f"{PREFIX}/audit"
_TEXTS, _TIMES = ("actor", "action", "object"), ("from", "to")
Form = Annotated[Mapping[str, str], Depends(form_of)]


def routes(
    operators: Operators, audit: AuditReader, settings: Sequence[Shown], pages: Pages, viewers: Viewers
) -> APIRouter:
    """Manage operators, search the audit log, show the settings."""
    router = APIRouter(prefix=PREFIX, include_in_schema=False)
    _operators(router, operators, pages, viewers)
    _audit(router, audit, pages, viewers)
    _settings(router, settings, pages, viewers)
    return router


def _operators(router: APIRouter, operators: Operators, pages: Pages, viewers: Viewers) -> None:
    administers = viewers.requires(Scope.ADMIN)

    @router.get("/operators")
    async def list_operators(request: Request, caller: Annotated[Caller, Depends(administers)]) -> Response:
        return await _operators_page(request, caller, operators, pages)

    @router.post("/operators")
    async def create_operator(
        request: Request, caller: Annotated[Caller, Depends(administers)], form: Form
    ) -> Response:
        """Create an account. The generated password is only on the page that follows."""
        try:
            wanted = OperatorCreate.model_validate({name: form.get(name) for name in ("name", "role")})
            fresh = await operators.create(actor_of(request, caller), wanted)
        except ValidationError as error:
            fault = ValidationFailed(details=details_of(error.errors()))
            return await _operators_page(request, caller, operators, pages, form=form, fault=fault)
        except Rejected as fault:
            return await _operators_page(request, caller, operators, pages, form=form, fault=fault)
        values = {"name": fresh.operator.name, "password": fresh.password, "back": OPERATORS}
        return pages.page(request, viewer_of(request), "operator_made", values, status=HTTPStatus.CREATED)

    @router.post("/operators/{operator_id}/revoke", dependencies=[Depends(form_of)])
    async def revoke_operator(
        request: Request, caller: Annotated[Caller, Depends(administers)], operator_id: UUID
    ) -> Response:
        """Delete an account and its sessions. After deleting their own, the admin sees the sign-in form."""
        await operators.revoke(actor_of(request, caller), operator_id)
        return redirect(f"{OPERATORS}?done=operator_revoked")


async def _operators_page(
    request: Request,
    caller: Caller,
    operators: Operators,
    pages: Pages,
    *,
    form: Mapping[str, str] | None = None,
    fault: Rejected | None = None,
) -> Response:
    page = page_number(request)
    found, total = await operators.page(caller.tenant, limit=LIMIT, page=page)
    rows = [{**operator_view(one).model_dump(), "operator_id": str(one.operator_id)} for one in found]
    values = {
        "rows": rows,
        "total": total,
        "roles": [role.value for role in Role],
        "form": form or {},
        "fault": None if fault is None else error_text(fault),
        **pager(OPERATORS, {}, page, len(rows) == LIMIT),
    }
    status = HTTPStatus.OK if fault is None else fault.http_status
    return pages.page(request, viewer_of(request), "operators", values, status=status)


def _audit(router: APIRouter, audit: AuditReader, pages: Pages, viewers: Viewers) -> None:
    administers = viewers.requires(Scope.ADMIN)

    @router.get("/audit")
    async def list_audit_entries(request: Request, caller: Annotated[Caller, Depends(administers)]) -> Response:
        given = request.query_params
        asked = {name: given.get(name, "").strip()[:512].replace("\0", "") for name in (*_TEXTS, *_TIMES)}
        query = {name: value for name, value in asked.items() if value}
        values: dict[str, Any] = {"form": asked, "filtered": bool(query)}
        try:
            found = await audit.find(
                caller.tenant, _audit_filter(asked), Paging(LIMIT, cursor=given.get("cursor") or None)
            )
        except ValidationFailed as fault:
            values["fault"] = error_text(fault)
            return pages.page(request, viewer_of(request), "audit", values, status=fault.http_status)
        older = f"{AUDIT}?{urlencode({**query, 'cursor': found.next_cursor})}" if found.next_cursor else None
        values |= {"rows": [entry.model_dump() for entry in found.rows], "total": found.total, "older": older}
        return pages.page(request, viewer_of(request), "audit", values)


def _audit_filter(asked: Mapping[str, str]) -> AuditFilter:
    """The filter in a form, whose times are UTC. Raises ValidationFailed."""
    return AuditFilter(
        actor=asked["actor"] or None,
        action=asked["action"] or None,
        subject=asked["object"] or None,
        since=_time("from", asked["from"]),
        until=_time("to", asked["to"]),
    )


def _time(field: str, text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC) if text else None
    except ValueError:
        raise ValidationFailed.of(field, "must be a time such as 2026-11-20T09:00, in UTC") from None


def _settings(router: APIRouter, settings: Sequence[Shown], pages: Pages, viewers: Viewers) -> None:
    administers = viewers.requires(Scope.ADMIN)

    @router.get("/settings")
    async def list_settings(request: Request, caller: Annotated[Caller, Depends(administers)]) -> Response:
        if caller.tenant != DEFAULT_TENANT:
            raise Forbidden("Only admins of the default tenant can see the settings, which apply to all tenants")
        rows = [{"name": one.name, "value": one.value, "given": one.given} for one in settings]
        return pages.page(request, viewer_of(request), "settings", {"rows": rows})
