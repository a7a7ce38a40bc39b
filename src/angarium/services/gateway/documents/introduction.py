"""The introduction of the merged OpenAPI document: rules for all requests, and a description of each tag."""

from collections.abc import Mapping
from typing import Any

DESCRIPTION = """\
Angarium accepts notifications, sends them by email, push, SMS and webhook, retries failed sends, and shows what
happened to each notification.

**Authentication.** Send an API key as `X-API-Key`, or a key or token as `Authorization: Bearer`. Each operation
lists the scope that it requires in `x-required-scopes`.

**Envelope.** Every JSON response is `{"success", "message", "data", "error", "meta"}`. On failure, `error` has a
machine-readable `code`, a human-readable `message`, and `details` with each invalid field.

**Errors.** 400 `validation_error`, 401 `unauthorized`, 403 `forbidden`, 404 `not_found`, `user_not_found` or
`template_not_found`, 409 `conflict` or `idempotency_conflict`, 412 `precondition_failed`, 413 `payload_too_large`,
415 `unsupported_media_type`, 429 `rate_limited` and 503 `service_unavailable`, both with `Retry-After`, 500
`internal_error`.

**Idempotency.** A repeated call with the same `request_id` (or the header `Idempotency-Key`) and the same body
returns the same notification with `Idempotent-Replayed: true`. A different body with the same id is a 409.

**Lists** take `page` and `limit` (1 to 100), or `cursor` with `meta.next_cursor` for deep paging. `meta.total` is
exact up to 10,000.

**Limits.** A body has at most 256 KB; for bulk calls and calls with attachments the limit is 16 MB. Unknown fields
and query parameters are a 400 that names them. Each key has a rate limit; the `RateLimit-…` headers show the
remaining quota.

**Correlation.** `X-Correlation-ID` is taken from the request or generated, returned in the response, and stored
with the notification.
"""
TAGS: Mapping[str, str] = {
    "notifications": "Send notifications, and read their status and timeline",
    "callbacks": "Status callbacks: list attempts, replay",
    "users": "People with addresses, devices and preferences",
    "preferences": "A user's choices by channel and category",
    "devices": "The devices that receive a user's push messages",
    "templates": "Versioned, localised templates, with previews",
    "dead letters": "Permanently failed notifications: list, replay, discard",
    "suppressions": "Addresses that receive no messages",
    "providers": "Configured providers and their circuit breakers",
    "provider webhooks": "Endpoints for the webhooks of providers",
    "b2b email": "Email without stored users and templates",
    "keys": "API keys",
    "tokens": "Short-lived bearer tokens",
    "tenants": "Tenants",
    "operators": "Accounts of the dashboard",
    "audit": "The audit log: who changed what",
    "mailbox": "Messages caught in development",
}


def with_introduction(document: dict[str, Any]) -> dict[str, Any]:
    """Add the title, description, tags and server to an OpenAPI document. The server is the document's own origin."""
    info = {
        **document.get("info", {}),
        "title": "Angarium",
        "summary": "Self-hosted notifications",
        "description": DESCRIPTION,
        "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
    }
    tags = [{"name": name, "description": text} for name, text in TAGS.items()]
    return {**document, "info": info, "servers": [{"url": "/", "description": "This gateway"}], "tags": tags}
