"""What the merged document says before its operations: how every request works, and what each group is about."""

from collections.abc import Mapping
from typing import Any

DESCRIPTION = """\
Angarium accepts notifications, sends them by email, push, SMS and webhook, retries, and can say what happened to
each.

**Authentication.** Send an API key as `X-API-Key`, or a key or token as `Authorization: Bearer`. Each operation
names the scope that it needs in `x-required-scopes`.

**Envelope.** Every JSON answer is `{"success", "message", "data", "error", "meta"}`. On failure `error` has a
`code` for programs, a `message` for people, and in `details` each field that is wrong.

**Errors.** 400 `validation_error`, 401 `unauthorized`, 403 `forbidden`, 404 `not_found`, `user_not_found` or
`template_not_found`, 409 `conflict` or `idempotency_conflict`, 412 `precondition_failed`, 413 `payload_too_large`,
415 `unsupported_media_type`, 429 `rate_limited` and 503 `service_unavailable`, both with `Retry-After`, 500
`internal_error`.

**Idempotency.** Repeat a call with the same `request_id` (or the header `Idempotency-Key`) and the same body, and
you get the same notification with `Idempotent-Replayed: true`. Another body under the same id is a 409.

**Lists** take `page` and `limit` (1 to 100), or `cursor` with `meta.next_cursor` for deep paging. `meta.total` is
exact up to 10,000.

**Limits.** A body has at most 256 KB; bulk calls and calls with attachments 16 MB. Unknown fields and query
parameters are a 400 that names them. Each key has a rate limit; the `RateLimit-…` headers say what is left.

**Correlation.** `X-Correlation-ID` is taken or made, returned, and kept with the notification.
"""
TAGS: Mapping[str, str] = {
    "notifications": "Send, and see what happened",
    "callbacks": "Status callbacks: their attempts, and replays",
    "users": "People with addresses, devices and preferences",
    "preferences": "What a user wants on which channel",
    "devices": "Where a user's pushes go",
    "templates": "Versioned, localised templates; previews",
    "dead letters": "Notifications that failed for good; replay and discard them",
    "suppressions": "Addresses to which nothing is sent",
    "providers": "Configured providers and their circuit breakers",
    "provider webhooks": "Where providers post receipts",
    "b2b email": "Mails without stored users and templates",
    "keys": "API keys",
    "tokens": "Short-lived bearer tokens",
    "tenants": "Tenants",
    "operators": "Accounts of the dashboard",
    "audit": "Who changed what",
    "mailbox": "What was caught in development",
}


def introduced(document: dict[str, Any]) -> dict[str, Any]:
    """The document with its introduction, its groups, and where it is served: at the address that it came from."""
    info = {
        **document.get("info", {}),
        "title": "Angarium",
        "summary": "Self-hosted notifications",
        "description": DESCRIPTION,
        "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
    }
    tags = [{"name": name, "description": text} for name, text in TAGS.items()]
    return {**document, "info": info, "servers": [{"url": "/", "description": "This gateway"}], "tags": tags}
