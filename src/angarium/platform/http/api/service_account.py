"""Access tokens for Google's APIs with a service account's key (OAuth 2.0, RFC 7523 §2.1).

https://developers.google.com/identity/protocols/oauth2/service-account#httprest

PyJWT signs and `oauth.AccessTokens` requests. google-auth would do both, but synchronously: each renewal would need a
thread, with another HTTP client, timeouts and trust store. A test compares its assertion with this one.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from angarium.platform.clock import Clock
from angarium.platform.settings.values import is_private_origin

GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
LIFE = 3600
"""Lifetime of an assertion in seconds, the longest that Google accepts."""


class _File(msgspec.Struct):
    type: str
    project_id: str
    private_key_id: str
    private_key: str
    client_email: str
    token_uri: str = "https://oauth2.googleapis.com/token"  # noqa: S105 - a URL


class ServiceAccount:
    """A service account, as in its JSON key file."""

    def __init__(self, file: _File, key: RSAPrivateKey) -> None:
        self.project = file.project_id
        self.email = file.client_email
        self.token_url = file.token_uri
        self._key_id = file.private_key_id
        self._key = key

    @classmethod
    def read(cls, path: str) -> "ServiceAccount":
        """Read a key file. Raises ValueError with the reason, without any content of the file."""
        try:
            file = msgspec.json.decode(Path(path).read_bytes(), type=_File)
        except OSError as error:
            raise ValueError(f"has a key file that cannot be read ({type(error).__name__})") from None
        except ValueError:
            raise ValueError("has a key file that is not the JSON key of a service account") from None
        if file.type != "service_account":
            raise ValueError("has a key file that is not of the type service_account")
        if not is_private_origin(file.token_uri):
            raise ValueError("has a key file whose token_uri is not https")
        try:
            key = load_pem_private_key(file.private_key.encode(), None)
        except (ValueError, TypeError):
            key = None
        if not isinstance(key, RSAPrivateKey):
            raise ValueError("has a key file without an RSA key")  # noqa: TRY004 - a setting is wrong, not a type
        return cls(file, key)

    def assertion(self, now: float, scope: str, *, subject: str | None = None) -> str:
        """The signed assertion to exchange for a token. `now`: seconds since the epoch.

        `subject`: the impersonated user, if any.
        """
        claims: dict[str, Any] = {
            "iss": self.email,
            "aud": self.token_url,
            "iat": int(now),
            "exp": int(now) + LIFE,
            "scope": scope,
        }
        if subject is not None:
            claims["sub"] = subject
        return jwt.encode(claims, self._key, algorithm="RS256", headers={"kid": self._key_id})

    def form(self, clock: Clock, scope: str, *, subject: str | None = None) -> Callable[[], Mapping[str, str]]:
        """The `form` argument of `oauth.AccessTokens`, which returns the fields of a token request."""
        return lambda: {
            "grant_type": GRANT,
            "assertion": self.assertion(clock.now().timestamp(), scope, subject=subject),
        }
