"""The signed-in operator of a request: session cookies, form tokens, and protection against cross-site requests."""

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
"""The path prefix of every page except the overview, which is `/`."""
SESSION, VISIT = "angarium_session", "angarium_visit"
"""Cookies: an operator's session; a secret that ties the sign-in form to one browser."""
FORM_FIELDS = 100
"""The maximum number of fields in a form."""
TEXT_FORM_FIELDS = 2_200
"""The maximum in the template editor: ten parts in up to 200 languages, and the properties."""
_SECURE_PREFIX = "__Host-"
"""Browsers accept cookies with this prefix only from the host itself and over https (RFC 6265bis §4.1.3.2)."""
_SESSION_KEY = "angarium.session"
_TOKEN_FIELD = "token"  # noqa: S105 - a field's name
Guard = Callable[[Request], Awaitable[Caller]]


@dataclass(frozen=True, slots=True)
class Viewer:
    """The signed-in operator. `token` is the CSRF token in every form of theirs."""

    session: Session
    token: str = field(repr=False)

    @property
    def caller(self) -> Caller:
        """The operator as a caller of the use cases."""
        return self.session.caller

    def may(self, scope: Scope) -> bool:
        """Whether the operator's role has `scope`."""
        return scope in self.caller.scopes


class Viewers:
    """Finds the session of a request. Methods raise DatabaseUnavailable."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def requires(self, scope: Scope | None = None) -> Guard:
        """A dependency that returns the signed-in operator as a caller, and requires `scope` of it.

        It needs only the head of the request. Raises Unauthorized, Forbidden (also for a POST from another origin).
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
    """The signed-in operator, on a route with the dependency `Viewers.requires`."""
    session: Session = request.scope[_SESSION_KEY]
    return Viewer(session, form_token(session.token))


async def form_of(request: Request) -> Mapping[str, str]:
    """The trimmed fields of a form by name. The last value of a name counts; empty fields are left out.

    Raises Forbidden if the form's token does not match the session, ValidationFailed.
    """
    return _trimmed(await _checked_form(request, cookie(request, SESSION)))


async def text_form_of(request: Request) -> Mapping[str, str]:
    """Like `form_of`, for a form with template sources: values are not trimmed, and CRLF becomes LF."""
    fields = await _checked_form(request, cookie(request, SESSION), most=TEXT_FORM_FIELDS)
    return {name: value.replace("\r\n", "\n") for name, value in fields.items()}


async def visitors_form_of(request: Request) -> Mapping[str, str]:
    """Like `form_of`, for a form that was shown to a browser without a session."""
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
        raise Forbidden("This form has expired. Go back, reload the page, and try again")
    if any("\0" in value for value in values.values()):
        raise ValidationFailed.of("body", "must not contain NUL characters")
    return values


def _trimmed(fields: Mapping[str, str]) -> Mapping[str, str]:
    return {name: value.strip() for name, value in fields.items()}


def form_token(secret: str) -> str:
    """The CSRF token of a cookie: a SHA-256 hash, from which the cookie cannot be computed."""
    return sha256(f"form:{secret}".encode()).hexdigest()


def refuse_foreign_origin(headers: Mapping[str, str]) -> None:
    """Raise Forbidden if a page of another origin made the request.

    Browsers report this in Sec-Fetch-Site (Fetch Metadata). Browsers without it send Origin with every POST.
    """
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None:
        foreign = site != "same-origin"
    else:
        foreign = origin is not None and origin.partition("://")[2].lower() != headers.get("host", "").lower()
    if foreign:
        raise Forbidden("The form was sent by a page of another origin")


def cookie(request: Request, name: str) -> str | None:
    """The value of a cookie. Over https, only the cookie with the `__Host-` prefix is read."""
    return request.cookies.get(f"{_SECURE_PREFIX}{name}" if is_secure(request) else name)


def put_cookie(request: Request, response: Response, name: str, value: str) -> None:
    """Set a cookie that scripts cannot read (HttpOnly) and that forms of other sites do not send (SameSite=Lax)."""
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
    """Delete a cookie in the browser."""
    secure = is_secure(request)
    full = f"{_SECURE_PREFIX}{name}" if secure else name
    response.delete_cookie(full, path="/", secure=secure, httponly=True, samesite="lax")


def is_secure(request: Request) -> bool:
    """Whether the browser uses https, directly or to a proxy that sets X-Forwarded-Proto.

    The header is not verified: a client that forges it affects only its own cookies.
    """
    return "https" in {request.url.scheme, request.headers.get("x-forwarded-proto", "").lower()}


def local_path(target: str | None) -> str:
    """`target` if it is a path on this host, else the path of the overview. Prevents open redirects."""
    if target and target.startswith("/") and not target.startswith(("//", "/\\")) and target.isprintable():
        return target
    return "/"
