"""What is wrong with a field, in words that say what to write instead."""

from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from angarium.contracts.dead_letters import ReplayRequest
from angarium.contracts.keys import KeyCreate
from angarium.contracts.notifications import NotificationRequest
from angarium.contracts.preferences import QuietHoursBody
from angarium.contracts.push_fields import PushFields
from angarium.contracts.suppressions import SuppressionCreate
from angarium.contracts.templates import TemplateCreate
from angarium.contracts.tenants import TenantCreate
from angarium.platform.http.frame.validation import details_of

SENT = {"notification_type": "email", "recipient": {"email": "a@example.com"}, "template_code": "welcome"}


def message(model: type[BaseModel], body: dict[str, Any]) -> str:
    with pytest.raises(ValidationError) as refused:
        TypeAdapter(model).validate_python(body)
    [detail] = details_of(refused.value.errors(include_url=False))
    return detail.message


@pytest.mark.parametrize(
    ("model", "body", "expected"),
    [
        (NotificationRequest, {**SENT, "template_code": "Order Shipped"}, "must be 1 to 100 lower-case letters"),
        (NotificationRequest, {**SENT, "template_code": ".x"}, "not . or - first"),
        (NotificationRequest, {**SENT, "notification_type": "fax"}, "must be 'email', 'push', 'sms' or 'webhook'"),
        (NotificationRequest, {**SENT, "priority": "high"}, "must be a whole number"),
        (NotificationRequest, {**SENT, "priority": 11}, "must be at most 10"),
        (NotificationRequest, {**SENT, "send_at": "2026-11-20T09:00:00"}, "must have an offset, such as Z or +01:00"),
        (NotificationRequest, {**SENT, "request_id": ""}, "must have at least 1 character"),
        (NotificationRequest, {**SENT, "request_id": "a\0"}, "must not contain NUL characters"),
        (NotificationRequest, {**SENT, "locale": "english please"}, "must be a language tag such as en or pt-BR"),
        (QuietHoursBody, {"start": "25:00", "end": "07:00"}, "must be a time of day such as 22:00"),
        (KeyCreate, {"name": "a", "scopes": ["admin"], "rate_limit": "5"}, "must be off, or a rate such as"),
        (KeyCreate, {"name": "a", "scopes": []}, "must have at least 1 item"),
        (SuppressionCreate, {"channel": "push", "address": "a"}, "must be 'email' or 'sms'"),
        (ReplayRequest, {"all": True, "rate_per_second": 0}, "must be more than 0"),
        (ReplayRequest, {"all": True, "rate_per_second": "fast"}, "must be a number"),
        (TemplateCreate, {"code": "a", "content": "a", "required_variables": ["a b"]}, "a letter or _ first"),
        (PushFields, {"collapse_key": "a b"}, "must be 1 to 64 visible ASCII characters"),
        (TenantCreate, {"tenant": "A b"}, "must be 1 to 63 lower-case letters"),
    ],
)
def test_a_message_says_what_to_write(model: type[BaseModel], body: dict[str, Any], expected: str) -> None:
    assert expected in message(model, body)
