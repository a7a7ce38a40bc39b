"""API keys: generated at random, stored as a hash."""

import os
from base64 import b32encode
from collections.abc import Callable
from hashlib import sha256
from typing import Literal

KeyKind = Literal["live", "test"]
_RANDOM_BYTES = 25


def new_api_key(kind: KeyKind = "live", entropy: Callable[[int], bytes] = os.urandom) -> str:
    """A key such as `ang_live_…` with 200 random bits; shown once."""
    return f"ang_{kind}_{b32encode(entropy(_RANDOM_BYTES)).decode().lower()}"


def hash_key(key: str) -> str:
    """The SHA-256 of a key, in hex: what is stored. A random key needs no slow hash."""
    return sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
