"""Authentication with an access token (XOAUTH2), for Microsoft 365 and Google.

| parameters besides `auth=xoauth2` | grant |
|---|---|
| `tenant`, `client_id`, `client_secret` | Microsoft 365: client credentials, app role `SMTP.SendAsApp` |
| `client_id`, `client_secret`, `refresh_token` | Google: a user's consent |
| `credentials=/path.json` | Google Workspace: a service account with domain-wide delegation |

`token_url` replaces the token endpoint, `base_url` only its origin; both must be https or on this machine. Pages:
https://learn.microsoft.com/exchange/client-developer/legacy-protocols/how-to-authenticate-an-imap-pop-smtp-application-by-using-oauth,
https://developers.google.com/workspace/gmail/imap/xoauth2-protocol,
https://developers.google.com/identity/protocols/oauth2/service-account#httprest.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from angarium.platform.clock import Clock
from angarium.platform.http.api.oauth import AccessTokens
from angarium.platform.http.api.port import ApiClient
from angarium.platform.settings.values import ProviderUrl, is_private_origin

OPTIONS = frozenset({"auth", "tenant", "client_id", "client_secret", "refresh_token", "credentials", "token_url"})
_MICROSOFT = "https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token"
_MICROSOFT_SCOPE = "https://outlook.office365.com/.default"
_GOOGLE = "https://oauth2.googleapis.com/token"
_GOOGLE_SCOPE = "https://mail.google.com/"
_JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_ASSERTION_SECONDS = 3600
_TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,252}")
Form = Callable[[], Mapping[str, str]]


class _Account(msgspec.Struct):
    """The required fields of a service account's key file."""

    client_email: str
    private_key: str
    private_key_id: str = ""
    token_uri: str = _GOOGLE


def tokens_of(url: ProviderUrl, client: Callable[[], ApiClient], clock: Clock) -> AccessTokens | None:
    """The access tokens for `url`; None if it uses another authentication.

    Raises ValueError, which never shows the URL.
    """
    auth = url.options.get("auth")
    given = sorted(OPTIONS - {"auth"} & url.options.keys())
    if auth is None:
        if given:
            raise ValueError(f"{given[0]} is for auth=xoauth2")
        if url.base_url is not None:
            raise ValueError("base_url is for auth=xoauth2: it replaces the origin of what gives tokens")
        return None
    if auth != "xoauth2":
        raise ValueError("auth must be xoauth2; without it, user and password log in")
    if not url.username or url.password:
        raise ValueError("auth=xoauth2 needs a user and no password, as in smtp://user%40example.com@host:587")
    usual, form = _grant(url.options, url.username, clock)
    return AccessTokens(client(), _endpoint(url, usual), form, clock)


def _endpoint(url: ProviderUrl, usual: str) -> str:
    given = url.options.get("token_url")
    if given is not None and url.base_url is not None:
        raise ValueError("takes token_url or base_url, not both")
    endpoint = given or usual if url.base_url is None else url.base_url + urlsplit(usual).path
    if not is_private_origin(endpoint):
        raise ValueError(f"{'token_url' if url.base_url is None else 'base_url'} must be https")
    return endpoint


def _grant(options: Mapping[str, str], user: str, clock: Clock) -> tuple[str, Form]:
    """The default endpoint of the grant in `options`, and the fields of its requests."""
    if "credentials" in options:
        _allow(options, {"credentials"})
        return _service_account(_account(options["credentials"]), user, clock)
    if "refresh_token" in options:
        _allow(options, {"client_id", "client_secret", "refresh_token"})
        fields = _fields(options, "client_id", "client_secret", "refresh_token")
        return _GOOGLE, lambda: {"grant_type": "refresh_token", **fields}
    if "tenant" not in options:
        raise ValueError("auth=xoauth2 needs tenant (Microsoft 365), or refresh_token or credentials (Google)")
    _allow(options, {"client_id", "client_secret", "tenant"})
    if not _TENANT.fullmatch(options["tenant"]):
        raise ValueError("tenant must be the id or the domain of one")
    fields = _fields(options, "client_id", "client_secret")
    endpoint = _MICROSOFT.format(tenant=options["tenant"])
    return endpoint, lambda: {"grant_type": "client_credentials", "scope": _MICROSOFT_SCOPE, **fields}


def _allow(options: Mapping[str, str], names: set[str]) -> None:
    others = sorted(options.keys() & OPTIONS - {"auth", "token_url"} - names)
    if others:
        raise ValueError(f"{others[0]} does not go with {min(names)}")


def _fields(options: Mapping[str, str], *names: str) -> Mapping[str, str]:
    missing = [name for name in names if not options.get(name)]
    if missing:
        raise ValueError(f"auth=xoauth2 needs {missing[0]} too")
    return {name: options[name] for name in names}


def _account(path: str) -> _Account:
    try:
        account = msgspec.json.decode(Path(path).read_bytes(), type=_Account)
    except (OSError, ValueError, RecursionError):
        raise ValueError("credentials must be a readable key file of a service account (JSON)") from None
    return account


def _service_account(account: _Account, user: str, clock: Clock) -> tuple[str, Form]:
    """A signed assertion on behalf of `user` (RFC 7523)."""
    key = _rsa_key(account.private_key)
    headers = {"kid": account.private_key_id} if account.private_key_id else None

    def form() -> Mapping[str, str]:
        now = int(clock.now().timestamp())
        claims = {
            "iss": account.client_email,
            "sub": user,
            "scope": _GOOGLE_SCOPE,
            "aud": account.token_uri,
            "iat": now,
            "exp": now + _ASSERTION_SECONDS,
        }
        return {"grant_type": _JWT_BEARER, "assertion": jwt.encode(claims, key, algorithm="RS256", headers=headers)}

    return account.token_uri, form


def _rsa_key(text: str) -> RSAPrivateKey:
    try:
        key = load_pem_private_key(text.encode(), password=None)
    except (ValueError, TypeError):
        key = None
    if isinstance(key, RSAPrivateKey):
        return key
    raise ValueError("credentials must hold an RSA key (PEM)")
