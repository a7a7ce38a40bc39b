"""Example values of the API's fields, for the OpenAPI documents.

As in `descriptions`, a name has one example for all bodies unless `Model.name` overrides it. Other examples are derived
from the field's type: an enum's first value, `true`, a UUID, a time.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

_ENVELOPE: Mapping[str, Any] = {
    "message": "Notification accepted",
    "ErrorBody.message": "Validation failed",
    "ErrorDetail.message": "required by template welcome",
    "ImportFault.message": "not an email address",
    "Reason.message": "550 5.1.1 no such user",
    "data": {},
    "ErrorEnvelope.data": None,
    "Envelope_NoneType_.data": None,
    "Envelope_list_dict_str__Any___.data": [],
    "error": None,
    "meta": None,
    "code": "welcome",
    "ErrorBody.code": "validation_error",
    "BulkRefusal.code": "user_not_found",
    "Reason.code": "retries_exhausted",
    "field": "variables.name",
    "line": 3,
    "column": 14,
    "correlation_id": "checkout-7f3a",
    "limit": 10,
    "page": 1,
    "total": 1,
    "total_pages": 1,
    "next_cursor": "MDE5MmYwYzE",
}
_NOTIFICATION: Mapping[str, Any] = {
    "request_id": "order-42",
    "user_id": "u-1",
    "userId": "u-1",
    "recipient": {"email": "john@example.com", "name": "John"},
    "recipients": [{"user_id": "7f9c24e8-3b12-4fef-91e0-54a3d5b7a2c1", "variables": {"name": "John"}}],
    "notifications": [
        {"notification_type": "email", "recipient": {"email": "john@example.com"}, "template_code": "welcome"},
    ],
    "template_code": "welcome",
    "template_version": 3,
    "variables": {"name": "John"},
    "priority": 5,
    "metadata": {"order": 42},
    "locale": "en",
    "category": "account",
    "callback_url": "https://shop.example/hooks/angarium",
    "status_url": "/api/v1/notifications/0192f0c1-7c5b-7d52-9b1e-2f6a4c1d8e90",
    "statusUrl": "/api/notifications/0192f0c1-7c5b-7d52-9b1e-2f6a4c1d8e90",
    "filename": "invoice.pdf",
    "content_type": "application/pdf",
    "content_id": "logo",
    "Attachment.content": "JVBERi0xLjQK",
    "size": 48213,
    "from_name": "Shop",
    "reply_to": "help@shop.example",
    "cc": ["accounts@example.com"],
    "bcc": ["archive@shop.example"],
    "EmailFields.headers": {"X-Campaign": "spring"},
    "NotificationView.email": {"reply_to": "help@shop.example"},
    "NotificationView.push": {"ttl": 3600},
    "MailboxMessage.push": {"ttl": 3600},
    "ttl": 3600,
    "collapse_key": "order-42",
    "badge": 1,
    "sound": "default",
    "PushFields.data": {"order": "42"},
    "PushAction.id": "track",
    "PushAction.title": "Track it",
    "attempts": 1,
    "attempt": 1,
    "retryCount": 0,
    "provider": "smtp",
    "provider_message_id": "<0192f0c1@shop.example>",
    "errorMessage": "550 5.1.1 no such user",
    "EmailView.error": "550 5.1.1 no such user",
    "DeliveryReport.error": "550 5.1.1 no such user",
    "CallbackAttempt.error": "the connection was refused",
    "accepted": 2,
    "rejected": 1,
    "index": 0,
    "summary": "Sent by smtp on the second attempt; the first was greylisted.",
    "check": "preferences",
    "result": "allowed",
    "detail": "No category is switched off.",
}
_PEOPLE: Mapping[str, Any] = {
    "name": "John Doe",
    "KeyCreate.name": "shop",
    "KeyCreated.name": "shop",
    "KeyView.name": "shop",
    "OperatorCreate.name": "ada",
    "OperatorCreated.name": "ada",
    "OperatorView.name": "ada",
    "LoginRequest.tenant": "default",
    "TenantCreate.name": "Acme Ltd",
    "TenantCreated.name": "Acme Ltd",
    "TenantView.name": "Acme Ltd",
    "TenantCreate.tenant": "acme",
    "TenantCreated.tenant": "acme",
    "TenantView.tenant": "acme",
    "ProviderView.name": "smtp",
    "DeviceCreate.name": "Pixel",
    "DeviceView.name": "Pixel",
    "TemplateCreate.name": "Welcome",
    "TemplateView.name": "Welcome",
    "TemplateVersionCreate.name": "Welcome",
    "VariableView.name": "name",
    "email": "john@example.com",
    "phone": "+14155550123",
    "push_token": "dGhlLXRva2Vu:APA91b",
    "webhook": "https://partner.example/hooks",
    "password": "correct horse battery staple",
    "timezone": "Europe/Paris",
    "categories": {"marketing": {"email": False}},
    "start": "22:00",
    "end": "07:00",
    "token": "dGhlLXRva2Vu:APA91b",
    "username": "John",
    "processed": 3,
    "created": 2,
    "updated": 0,
    "failed": 1,
}
_TEMPLATES: Mapping[str, Any] = {
    "subject": "Hello {{ name }}",
    "EmailView.subject": "Your receipt",
    "SendRequest.subject": "Your receipt",
    "MailboxMessage.subject": "Hello John",
    "VerificationRequest.subject": "Confirm your address",
    "content": "<p>Hello {{ name }}</p>",
    "html": "<p>Hello {{ name }}</p>",
    "MailboxMessage.html": "<p>Hello John</p>",
    "mjml": "<mjml><mj-body><mj-section><mj-column><mj-text>Hi</mj-text></mj-column></mj-section></mj-body></mjml>",
    "text": "Hello {{ name }}",
    "MailboxMessage.text": "Hello John",
    "SendRequest.text": "Thank you for your order.",
    "title": "Your order has left",
    "body": "It arrives on {{ day }}.",
    "image": "https://shop.example/parcel.png",
    "link": "https://shop.example/orders/42",
    "json": '{"order": {{ order | json }}}',
    "description": "Sent after the sign-up",
    "language": "en",
    "required_variables": ["name"],
    "defaults": {"name": "friend"},
    "retry_delays": ["1s", "2s", "4s"],
    "translations": {"fr": {"subject": "Bonjour {{ name }}"}},
    "includes": {"_layout": 2},
    "version": 1,
    "created_by": "shop",
    "html_content": "<p>Thank you for your order.</p>",
    "SendRequest.message": "<p>Thank you for your order.</p>",
    "verification_link": "https://shop.example/verify?code=7f3a",
}
_OPERATION: Mapping[str, Any] = {
    "key": "ang_live_4f7c2a",
    "rate_limit": "100/second",
    "tenant": "default",
    "access_token": "eyJhbGciOiJIUzI1NiJ9.e30.c2ln",
    "expires_in": 900,
    "actor": "shop",
    "action": "template.published",
    "object": "welcome",
    "AuditView.from": "10.0.0.7",
    "from": "Shop <notify@shop.example>",
    "to": "john@example.com",
    "duration_ms": 42,
    "status_code": 200,
    "type": "notification.sent",
    "address": "john@example.com",
    "source": "import",
    "reason": "retries_exhausted",
    "ProviderView.reason": "5 connection failures in a row",
    "position": 1,
    "rate": 50.0,
    "error_rate": 0.02,
    "sends": 1500,
    "bounces": 12,
    "complaints": 1,
    "bounce_rate": 0.008,
    "complaint_rate": 0.0007,
    "weight": 1,
    "workers": 2,
    "payload": '{"template_code": "welcome"}',
    "rate_per_second": 10,
    "matched": 12,
    "replayed": 12,
    "added": 2,
    "changed": 0,
    "refused": 1,
    "count": 12,
    "example": "421 4.7.0 try again later",
    "messages": 0,
    "consumers": 2,
    "outbox_pending": 0,
    "dead_letters": 0,
    "headers": {"Message-ID": "<0192f0c1@shop.example>"},
    "segments": 1,
    "encoding": "GSM-7",
    "pending": 0,
    "queued": 0,
    "sending": 0,
    "retrying": 0,
    "sent": 3,
}
_PARAMETERS: Mapping[str, Any] = {
    "parameter.Idempotency-Key": "order-42",
    "parameter.cursor": "MDE5MmYwYzE",
    "parameter.if-match": '"3"',
    "parameter.provider": "sendgrid",
    "parameter.q": "parcel",
    "parameter.reason": "retries_exhausted",
    "parameter.search": "ada",
}
_FIELDS: Mapping[str, Any] = MappingProxyType(
    {**_ENVELOPE, **_NOTIFICATION, **_PEOPLE, **_TEMPLATES, **_OPERATION, **_PARAMETERS},
)
_BY_FORMAT: Mapping[str, str] = {
    "uuid": "0192f0c1-7c5b-7d52-9b1e-2f6a4c1d8e90",
    "date-time": "2026-11-20T09:00:00Z",
}
_REFERENCE = "$ref"


def example_of(model: str, name: str, field: Mapping[str, Any]) -> list[Any]:
    """At most one example of a field with this JSON schema; none if the schema has its own examples."""
    choices = [
        choice for choice in (field, *field.get("anyOf", ()), *field.get("oneOf", ())) if _says_something(choice)
    ]
    if any(_refers(choice) for choice in choices):
        return []
    for choice in choices:
        found = _by_type(choice)
        if found is not None:
            return [found]
    key = f"{model}.{name}"
    if key in _FIELDS:
        return [_FIELDS[key]]
    return [_FIELDS[name]] if name in _FIELDS else []


def parameter_example(name: str, schema: Mapping[str, Any]) -> list[Any]:
    """As `example_of`, of a parameter of a path, query or header."""
    return [] if "examples" in schema else example_of("parameter", name, schema)


def _says_something(choice: Mapping[str, Any]) -> bool:
    return choice.get("type") != "null"


def _refers(choice: Mapping[str, Any]) -> bool:
    items = choice.get("items", {})
    return _REFERENCE in choice or _REFERENCE in items or any(_REFERENCE in one for one in items.get("anyOf", ()))


def _by_type(choice: Mapping[str, Any]) -> Any:
    if "const" in choice:
        return choice["const"]
    if "enum" in choice:
        return choice["enum"][0]
    if choice.get("type") == "boolean":
        return True
    if choice.get("type") == "array":
        found = _by_type(choice.get("items", {}))
        return None if found is None else [found]
    return _BY_FORMAT.get(choice.get("format", ""))
