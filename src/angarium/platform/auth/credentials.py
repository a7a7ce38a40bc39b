"""The credentials in a request, and API keys: generated at random, stored as a hash."""

import os
from base64 import b32encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Literal

from angarium.contracts.errors import Unauthorized

API_KEY_HEADER = "x-api-key"
MAX_SECRET_CHARACTERS = 8192
KeyKind = Literal["live", "test"]
_RANDOM_BYTES = 25


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


def new_api_key(kind: KeyKind = "live", entropy: Callable[[int], bytes] = os.urandom) -> str:
    """A key such as `ang_live_…` with 200 random bits; shown once."""
    return f"ang_{kind}_{b32encode(entropy(_RANDOM_BYTES)).decode().lower()}"


def hash_key(key: str) -> str:
    """The SHA-256 of a key, in hex: what is stored. A random key needs no slow hash."""
    return sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
