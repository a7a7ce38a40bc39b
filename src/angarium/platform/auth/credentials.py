"""The credentials in a request."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from angarium.contracts.errors import Unauthorized

API_KEY_HEADER = "x-api-key"
MAX_SECRET_CHARACTERS = 8192


@dataclass(frozen=True, slots=True)
class Credentials:
    """An API key or a bearer token."""

    kind: Literal["api_key", "bearer"]
    secret: str = field(repr=False)


def credentials_of(headers: Mapping[str, str]) -> Credentials:
    """The key or token in `headers` (lower-case names); the key wins. Raises Unauthorized if there is none."""
    key = headers.get(API_KEY_HEADER)
    if key:
        return _bounded(Credentials("api_key", key))
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return _bounded(Credentials("bearer", token.strip()))
    raise Unauthorized


def _bounded(credentials: Credentials) -> Credentials:
    if len(credentials.secret) > MAX_SECRET_CHARACTERS:
        raise Unauthorized
    return credentials
