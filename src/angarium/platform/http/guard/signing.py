"""Signatures of outgoing posts: Standard Webhooks, version 1 (https://www.standardwebhooks.com)."""

import binascii
from collections.abc import Mapping, Sequence
from datetime import datetime

from standardwebhooks import Webhook

FEWEST_BYTES = 24
"""Minimum random bytes of a secret in production, as the specification requires."""
PREFIX = "whsec_"


class Signer:
    """Signs with each of `secrets` (`whsec_` and base64), so that receivers can rotate them.

    Raises ValueError for an invalid secret, without showing it.
    """

    def __init__(self, secrets: Sequence[str]) -> None:
        if not secrets:
            message = "needs at least one secret"
            raise ValueError(message)
        self._webhooks = [_webhook(secret) for secret in secrets]

    def headers(self, webhook_id: str, at: datetime, body: str) -> Mapping[str, str]:
        """The three headers of one attempt at the moment `at` (aware, UTC)."""
        signatures = [webhook.sign(webhook_id, at, body) for webhook in self._webhooks]
        return {
            "webhook-id": webhook_id,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": " ".join(signatures),
        }


def split_secrets(text: str) -> Sequence[str]:
    """Split a comma-separated setting into secrets."""
    return [part for part in (item.strip() for item in text.split(",")) if part]


def _webhook(secret: str) -> Webhook:
    if not secret.startswith(PREFIX):
        message = f"must begin with {PREFIX}"
        raise ValueError(message)
    try:
        text = secret.removeprefix(PREFIX).rstrip("=")
        binascii.a2b_base64(text + "=" * (-len(text) % 4), strict_mode=True)
        return Webhook(secret)
    except Exception:  # noqa: BLE001 - the library has errors of its own for an empty one
        message = f"must be {PREFIX} and base64"
        raise ValueError(message) from None
