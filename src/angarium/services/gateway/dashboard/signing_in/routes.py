"""`/dashboard/sign-in`, `/dashboard/sign-out`, and the assets of all pages."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from angarium.contracts.errors import Forbidden, RateLimited, Unauthorized
from angarium.platform.auth.service_token import DEFAULT_TENANT
from angarium.platform.loopback import is_loopback, names_this_machine
from angarium.services.gateway.dashboard.pages import Pages, asset, redirect
from angarium.services.gateway.dashboard.signing_in.error_pages import SIGN_IN, sign_in_page
from angarium.services.gateway.dashboard.viewing import (
    PREFIX,
    SESSION,
    Guard,
    cookie,
    drop_cookie,
    form_of,
    local_path,
    put_cookie,
    refuse_foreign_origin,
    viewer_of,
    visitors_form_of,
)
from angarium.services.gateway.operators.sessions import Session, Sessions


def routes(sessions: Sessions, pages: Pages, signed_in: Guard) -> APIRouter:
    """The sign-in form, sign-in links for development, signing out, and the assets."""
    router = APIRouter(prefix=PREFIX, include_in_schema=False)
    _form(router, sessions, pages)
    _link(router, sessions, pages)
    _sign_out(router, sessions, signed_in)

    @router.get("/assets/{name}")
    async def get_asset(name: str) -> Response:
        return asset(name)

    return router


def _form(router: APIRouter, sessions: Sessions, pages: Pages) -> None:
    @router.get("/sign-in")
    async def show_form(request: Request) -> Response:
        token = cookie(request, SESSION)
        if token is not None and await sessions.find(token) is not None:
            return redirect("/")
        return sign_in_page(pages, request)

    @router.post("/sign-in")
    async def sign_in(request: Request) -> Response:
        form = await visitors_form_of(request)
        tenant, name = form.get("tenant", DEFAULT_TENANT)[:255], form.get("name", "")[:255]
        target = local_path(form.get("target"))

        def again(status: int, fault: str) -> Response:
            return sign_in_page(pages, request, status=status, fault=fault, given=name, target=target)

        try:
            session = await sessions.sign_in(tenant, name, form.get("password", "")[:1024], _address(request))
        except Unauthorized as error:
            return again(HTTPStatus.UNAUTHORIZED, error.message)
        except RateLimited as error:
            fault = f"Too many attempts with this name. Try again in {_minutes(error)} minutes."
            return again(HTTPStatus.TOO_MANY_REQUESTS, fault)
        return _signed_in(request, session, target)


def _link(router: APIRouter, sessions: Sessions, pages: Pages) -> None:
    @router.get("/sign-in/{link}")
    async def show_link(request: Request, link: str) -> Response:
        """Show a page whose button uses the link. A GET does not use it up."""
        _only_this_machine(request)
        return pages.plain("sign_in_link", {"link": link, "good": sessions.links.good(link)})

    @router.post("/sign-in/{link}")
    async def use_link(request: Request, link: str) -> Response:
        """Sign in. The secret in the path replaces the form token."""
        _only_this_machine(request)
        refuse_foreign_origin(request.headers)
        session = await sessions.sign_in_by_link(link, _address(request))
        if session is None:
            return pages.plain("sign_in_link", {"link": link, "good": False}, status=HTTPStatus.UNAUTHORIZED)
        return _signed_in(request, session, "/")


def _sign_out(router: APIRouter, sessions: Sessions, signed_in: Guard) -> None:
    @router.post("/sign-out", dependencies=[Depends(signed_in)])
    async def sign_out(request: Request, _form: Annotated[object, Depends(form_of)]) -> Response:
        await sessions.sign_out(viewer_of(request).session, _address(request))
        response = redirect(SIGN_IN)
        drop_cookie(request, response, SESSION)
        return response


def _signed_in(request: Request, session: Session, target: str) -> Response:
    response = redirect(target)
    put_cookie(request, response, SESSION, session.token)
    return response


def _only_this_machine(request: Request) -> None:
    if not is_loopback(_address(request) or "") or not names_this_machine(request.headers.get("host", "")):
        raise Forbidden("Sign-in links work on this machine only")


def _address(request: Request) -> str | None:
    return None if request.client is None else request.client.host


def _minutes(error: RateLimited) -> int:
    return max(1, round((error.retry_after or 60) / 60))
