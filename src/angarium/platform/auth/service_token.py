"""The token that services send each other, and the headers that name the caller they act for."""

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from hmac import compare_digest
from pathlib import Path
from urllib.parse import quote, unquote
from uuid import UUID

from angarium.contracts.errors import Unauthorized
from angarium.contracts.scopes import Scope, known_scopes
from angarium.platform.auth.caller import (
    CALLER_HEADER,
    SCOPES_HEADER,
    SERVICE_TOKEN_HEADER,
    TENANT_HEADER,
    USER_HEADER,
    Caller,
)
from angarium.platform.folders import make_private
from angarium.platform.settings.groups import ServiceTokenSettings

DEFAULT_TENANT = "default"
SERVICE_NAME = "service"
_NO_SCOPES = "-"
"""An empty value might be dropped on the way."""
_VISIBLE = " !#$&'()*+,/:;=?@[]"


class ServiceTokens:
    """Checks `X-Service-Token` in constant time. If no token is configured, every token is refused."""

    def __init__(self, token: str | None) -> None:
        self._token = token.encode() if token else None

    def authenticate(self, headers: Mapping[str, str]) -> Caller | None:
        """Return the caller named beside a valid token; None if there is no token. Raises Unauthorized for a wrong one.

        A service acting for itself names no caller and has every permission. A caller without scopes has none, even if
        a proxy between the services dropped a header.
        """
        shown = headers.get(SERVICE_TOKEN_HEADER)
        if shown is None:
            return None
        if self._token is None or not compare_digest(shown.encode("utf-8", "surrogatepass"), self._token):
            raise Unauthorized
        own = not any(name in headers for name in (CALLER_HEADER, SCOPES_HEADER, USER_HEADER))
        return Caller(
            tenant=unquote(headers.get(TENANT_HEADER, DEFAULT_TENANT)),
            name=unquote(headers.get(CALLER_HEADER, SERVICE_NAME)),
            scopes=frozenset({Scope.ADMIN}) if own else known_scopes(headers.get(SCOPES_HEADER, "").split()),
            user_id=_user(headers.get(USER_HEADER)),
        )


def caller_headers(tenant: str, caller: Caller | None) -> dict[str, str]:
    """Headers that accompany the token: the tenant and the caller, percent-encoded where a header value requires it."""
    headers = {TENANT_HEADER: quote(tenant, safe=_VISIBLE)}
    if caller is not None:
        headers[CALLER_HEADER] = quote(caller.identity, safe=_VISIBLE)
        headers[SCOPES_HEADER] = " ".join(sorted(caller.scopes)) or _NO_SCOPES
        if caller.user_id is not None:
            headers[USER_HEADER] = str(caller.user_id)
    return headers


def _user(shown: str | None) -> UUID | None:
    try:
        return None if shown is None else UUID(shown)
    except ValueError:
        raise Unauthorized from None


def service_token_of(settings: ServiceTokenSettings) -> str:
    """The configured token; in development without one, the token shared by all processes with this DATA_DIR.

    The first process creates it, in a file that only its owner can read. Raises OSError.
    """
    if settings.service_token is not None:
        return settings.service_token.get_secret_value()
    return shared_service_token(settings.data_dir)


def shared_service_token(data_dir: Path, entropy: Callable[[int], bytes] = os.urandom) -> str:
    """Read the token in `data_dir`, or create it: once, however many processes do so concurrently. Raises OSError."""
    path = data_dir / "service-token"
    if not path.exists():
        _make_once(path, entropy)
    return path.read_text(encoding="ascii").strip()


def _make_once(path: Path, entropy: Callable[[int], bytes]) -> None:
    make_private(path.parent)
    draft = path.with_name(f".{path.name}-{entropy(8).hex()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(entropy(32).hex())
    # creating a link is atomic, and only the first one succeeds
    with suppress(FileExistsError):
        os.link(draft, path)
    draft.unlink()
