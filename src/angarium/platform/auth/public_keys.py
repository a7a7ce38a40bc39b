"""Public keys of token issuers, each pinned to the one algorithm of its kind (RFC 8725 §3.1)."""

from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key

MIN_RSA_BITS = 2048


@dataclass(frozen=True, slots=True)
class PinnedKey:
    """A key and the only algorithm it may be used with."""

    algorithm: str
    key: Any


def pin(key: object) -> PinnedKey:
    """The pinned form of a public key. Raises ValueError for an unsupported kind or size."""
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= MIN_RSA_BITS:
        return PinnedKey("RS256", key)
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return PinnedKey("ES256", key)
    if isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
        return PinnedKey("EdDSA", key)
    message = f"must be an RSA key of {MIN_RSA_BITS} bits or more, a P-256 or an Ed25519 key"
    raise ValueError(message)


def pinned_pem(pem: str) -> PinnedKey:
    """The pinned key of a PEM text, whose line breaks may be written as backslash and n. Raises ValueError."""
    try:
        key = load_pem_public_key(pem.replace("\\n", "\n").encode())
    except ValueError:
        message = "must be a public key in PEM form"
        raise ValueError(message) from None
    return pin(key)
