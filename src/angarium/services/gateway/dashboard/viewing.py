"""Who looks at a page: sessions, forms, and what a browser may send in somebody's name."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from hmac import compare_digest
from urllib.parse import parse_qs

from fastapi import Request
from starlette.responses import Response

from angarium.contracts.errors import Forbidden, Unauthorized, ValidationFailed
from angarium.contracts.scopes import Scope
from angarium.platform.auth.caller import Caller
from angarium.platform.http.frame.dependencies import CALLER_KEY
from angarium.platform.http.frame.openapi import SCOPE_MARK
from angarium.services.gateway.operators.sessions import LIFETIME, Session, Sessions

PREFIX = "/dashboard"
"""Every page but the overview lies below it."""
SESSION, VISIT = "angarium_session", "angarium_visit"
"""Cookies: who is signed in; what ties the sign-in form to the browser that asked for it."""
FORM_FIELDS = 100
TEXT_FORM_FIELDS = 2_200
"""Of a template: ten parts in up to 200 languages, and its properties."""
_SECURE_PREFIX = "__Host-"
"""A cookie of that name is taken only from this very host by https (RFC 6265bis §4.1.3.2)."""
_SESSION_KEY = "angarium.session"
_TOKEN_FIELD = "token"  # noqa: S105 - a field's name
Guard = Callable[[Request], Awaitable[Caller]]


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks. `token` is what every form of theirs sends along."""

    session: Session
    token: str = field(repr=False)

    @property
    def caller(self) -> Caller:
        """The operator as the use cases know callers."""
        return self.session.caller

    def may(self, scope: Scope) -> bool:
        """Whether the operator's role has `scope`."""
        return scope in self.caller.scopes


class Viewers:
    """Finds out who looks at a page. Raises DatabaseUnavailable when the database cannot serve."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def requires(self, scope: Scope | None = None) -> Guard:
        """A dependency: an operator who is signed in and has `scope`.

        It decides from the head of a request. Raises Unauthorized, Forbidden (also for a POST of another origin).
        """

        async def signed_in(request: Request) -> Caller:
            session = await self._session(request)
            if request.method == "POST":
                refuse_foreign_origin(request.headers)
            if scope is not None:
                session.caller.require(scope)
            return session.caller

        setattr(signed_in, SCOPE_MARK, scope)
        return signed_in

    async def _session(self, request: Request) -> Session:
        known: Session | None = request.scope.get(_SESSION_KEY)
        if known is None:
            token = cookie(request, SESSION)
            known = await self._sessions.find(token) if token else None
            if known is None:
                raise Unauthorized("Sign in to see this page")
            request.scope[_SESSION_KEY] = known
            request.scope[CALLER_KEY] = known.caller
        return known


def viewer_of(request: Request) -> Viewer:
    """Who looks, on a route whose dependency is `Viewers.requires`."""
    session: Session = request.scope[_SESSION_KEY]
    return Viewer(session, form_token(session.token))


async def form_of(request: Request) -> Mapping[str, str]:
    """The fields of a form, the last one of each name, without blanks around them; empty ones are left out.

    Raises Forbidden where the form was not made for this session, ValidationFailed.
    """
    return _trimmed(await _checked_form(request, cookie(request, SESSION)))


async def text_form_of(request: Request) -> Mapping[str, str]:
    """As `form_of`, of a form with sources: blanks stay, and a line ends with a line feed alone."""
    fields = await _checked_form(request, cookie(request, SESSION), most=TEXT_FORM_FIELDS)
    return {name: value.replace("\r\n", "\n") for name, value in fields.items()}


async def visitors_form_of(request: Request) -> Mapping[str, str]:
    """As `form_of`, of a form that was shown to a browser that is not signed in."""
    refuse_foreign_origin(request.headers)
    return _trimmed(await _checked_form(request, cookie(request, VISIT)))


async def _checked_form(request: Request, secret: str | None, most: int = FORM_FIELDS) -> Mapping[str, str]:
    try:
        fields = parse_qs((await request.body()).decode(), max_num_fields=most)
    except ValueError:
        raise ValidationFailed.of("body", "must be a form") from None
    values = {name: found[-1] for name, found in fields.items() if found[-1].strip()}
    given = values.pop(_TOKEN_FIELD, "")
    if not secret or not compare_digest(given.encode(), form_token(secret).encode()):
        raise Forbidden("This form is out of date. Go back, load the page again, and repeat what you did")
    if any("\0" in value for value in values.values()):
        raise ValidationFailed.of("body", "must not contain NUL characters")
    return values


def _trimmed(fields: Mapping[str, str]) -> Mapping[str, str]:
    return {name: value.strip() for name, value in fields.items()}


def form_token(secret: str) -> str:
    """The token of the forms that are shown to the holder of a cookie. The cookie does not follow from it."""
    return sha256(f"form:{secret}".encode()).hexdigest()


def refuse_foreign_origin(headers: Mapping[str, str]) -> None:
    """Raise Forbidden where a page of another origin made the request.

    Browsers say so in Sec-Fetch-Site (Fetch Metadata); those that do not send it send Origin with every POST.
    """
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None:
        foreign = site != "same-origin"
    else:
        foreign = origin is not None and origin.partition("://")[2].lower() != headers.get("host", "").lower()
    if foreign:
        raise Forbidden("The form was sent by a page of another origin")


def cookie(request: Request, name: str) -> str | None:
    """The value of our cookie of that name. Where the connection is secure, only a secure cookie counts."""
    return request.cookies.get(f"{_SECURE_PREFIX}{name}" if is_secure(request) else name)


def put_cookie(request: Request, response: Response, name: str, value: str) -> None:
    """Set a cookie that no script reads and that pages of other sites do not send along with a form."""
    secure = is_secure(request)
    response.set_cookie(
        f"{_SECURE_PREFIX}{name}" if secure else name,
        value,
        max_age=int(LIFETIME.total_seconds()),
        path="/",
        secure=secure,
        httponly=True,
        samesite="lax",
    )


def drop_cookie(request: Request, response: Response, name: str) -> None:
    """Have the browser forget a cookie."""
    secure = is_secure(request)
    full = f"{_SECURE_PREFIX}{name}" if secure else name
    response.delete_cookie(full, path="/", secure=secure, httponly=True, samesite="lax")


def is_secure(request: Request) -> bool:
    """Whether the browser uses https: to us, or to a proxy that says so. A client that lies harms itself alone."""
    return "https" in {request.url.scheme, request.headers.get("x-forwarded-proto", "").lower()}


def local_path(target: str | None) -> str:
    """Where to go after signing in: a path of ours, else the overview. Never another host."""
    if target and target.startswith("/") and not target.startswith(("//", "/\\")) and target.isprintable():
        return target
    return "/"
