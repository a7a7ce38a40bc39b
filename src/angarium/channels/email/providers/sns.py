"""Amazon SNS, which delivers the events of SES: verification of messages and confirmation of subscriptions.

https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html
https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html
"""

import binascii
import re
from base64 import b64decode
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, HashAlgorithm
from cryptography.x509 import load_pem_x509_certificate

from angarium.channels.receiving import Fetch, NotSigned, words
from angarium.platform.caching import Lru
from angarium.platform.clock import Clock

NOTIFICATION = "Notification"
CONFIRMATION = "SubscriptionConfirmation"
_HOST = re.compile(r"sns\.[a-z]{2}(?:-[a-z]+)+-\d{1,2}\.amazonaws\.com(?:\.cn)?")
_SIGNED: Mapping[str, tuple[str, ...]] = {
    NOTIFICATION: ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    CONFIRMATION: ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    "UnsubscribeConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}
"""The signed fields, in order; a notification without a subject lacks that line."""
_HASHES: Mapping[str, type[HashAlgorithm]] = {"1": SHA1, "2": SHA256}
_MOST_CERTIFICATES = 16


class SnsVerifier:
    """Verifies messages with the certificates named in them, each fetched once and only from hosts of SNS."""

    def __init__(self, fetch: Fetch, clock: Clock) -> None:
        self._fetch = fetch
        self._clock = clock
        self._keys: Lru[str, rsa.RSAPublicKey] = Lru(_MOST_CERTIFICATES)

    async def verify(self, message: Mapping[str, Any]) -> None:
        """Verify a message. Raises NotSigned, and Transient if the certificate cannot be fetched now."""
        names = _SIGNED.get(words(message.get("Type")))
        algorithm = _HASHES.get(words(message.get("SignatureVersion")))
        url = words(message.get("SigningCertURL"))
        if names is None or algorithm is None or not is_of_sns(url) or not urlsplit(url).path.endswith(".pem"):
            raise NotSigned
        lines = [part for name in names if name in message for part in (name, words(message[name]))]
        text = "".join(f"{line}\n" for line in lines)
        key = await self._key(url)
        try:
            signature = b64decode(words(message.get("Signature")), validate=True)
            key.verify(signature, text.encode(), padding.PKCS1v15(), algorithm())
        except (InvalidSignature, binascii.Error, ValueError) as error:
            raise NotSigned from error

    async def _key(self, url: str) -> rsa.RSAPublicKey:
        known = self._keys.get(url)
        if known is not None:
            return known
        try:
            certificate = load_pem_x509_certificate(await self._fetch(url))
        except ValueError as error:
            raise NotSigned("the certificate cannot be read") from error
        now, key = self._clock.now(), certificate.public_key()
        valid = certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc
        if not isinstance(key, rsa.RSAPublicKey) or not valid:
            raise NotSigned("the certificate is not valid")
        self._keys.put(url, key)
        return key


def is_of_sns(url: str) -> bool:
    """Whether `url` is an https URL of an SNS host."""
    try:
        parts = urlsplit(url)
        return parts.scheme == "https" and _HOST.fullmatch(parts.netloc) is not None
    except ValueError:
        return False
