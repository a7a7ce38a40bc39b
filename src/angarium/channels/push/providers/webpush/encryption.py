"""Message encryption for Web Push (RFC 8291) in the content coding `aes128gcm` (RFC 8188).

Uses the primitives of `cryptography`. The usual library, http-ece, has no wheels and no other use here. Tests compare
this file with RFC 8291's test vector and with http-ece.
"""

import base64
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

RECORD_SIZE = 4096
"""The size of the only record, which every push service must accept (RFC 8291 §4)."""
_SALT_BYTES, _HEADER_BYTES, _TAG_BYTES = 16, 86, 16
LONGEST = RECORD_SIZE - _HEADER_BYTES - _TAG_BYTES - 1
"""Maximum bytes of a message: a record without its header, tag and delimiter."""
_LAST_RECORD = b"\x02"
_CURVE = ec.SECP256R1()

MakeKey = Callable[[], ec.EllipticCurvePrivateKey]


class NoSubscription(ValueError):
    """The subscription's keys cannot be used"""


class TooLong(ValueError):
    """The message is longer than push services accept"""


@dataclass(frozen=True, slots=True)
class Subscription:
    """A browser's subscription (Push API §8): its endpoint, public key and authentication secret."""

    endpoint: str
    public: bytes
    auth: bytes

    @classmethod
    def parse(cls, token: Mapping[str, Any]) -> "Subscription":
        """Parse the browser's validated JSON. Raises NoSubscription."""
        try:
            keys = token["keys"]
            return cls(str(token["endpoint"]), _decoded(keys["p256dh"]), _decoded(keys["auth"]))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise NoSubscription("the subscription has no keys") from error


def new_key() -> ec.EllipticCurvePrivateKey:
    """Generate a key for one message (RFC 8291 §3.1)."""
    return ec.generate_private_key(_CURVE)


def encrypted(
    plain: bytes, subscription: Subscription, *, make_key: MakeKey = new_key, salt: bytes | None = None
) -> bytes:
    """Encrypt `plain` and return the body to post. Raises NoSubscription and TooLong.

    `make_key` and `salt` are for test vectors.
    """
    if len(plain) > LONGEST:
        raise TooLong(f"the message is longer than {LONGEST} bytes")
    try:
        theirs = ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, subscription.public)
    except ValueError as error:
        raise NoSubscription("the subscription's key is not a point of P-256") from error
    key = make_key()
    public = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    info = b"WebPush: info\x00" + subscription.public + public
    secret = _derived(key.exchange(ec.ECDH(), theirs), salt=subscription.auth, info=info, length=32)
    salt = salt if salt is not None else os.urandom(_SALT_BYTES)
    content_key = _derived(secret, salt=salt, info=b"Content-Encoding: aes128gcm\x00", length=16)
    nonce = _derived(secret, salt=salt, info=b"Content-Encoding: nonce\x00", length=12)
    header = salt + RECORD_SIZE.to_bytes(4, "big") + len(public).to_bytes(1, "big") + public
    return header + AESGCM(content_key).encrypt(nonce, plain + _LAST_RECORD, None)


def _derived(secret: bytes, *, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(SHA256(), length, salt, info).derive(secret)


def _decoded(value: str) -> bytes:
    """Decode base64url with or without padding, since browsers differ."""
    text = value.rstrip("=").replace("+", "-").replace("/", "_")
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
