"""Messages for providers, as the engine hands them over."""

from typing import Any
from uuid import UUID, uuid4

from angarium.contracts.statuses import Channel
from angarium.delivery.provider import Address, Outbound
from angarium.rendering.content import Content, EmailContent, PushContent, SmsContent, WebhookContent

_CONTENT: dict[Channel, Content] = {
    Channel.EMAIL: EmailContent(subject="Hello John", html="<p>Hello John</p>", text="Hello John"),
    Channel.PUSH: PushContent(title="Hello", body="Hello John"),
    Channel.SMS: SmsContent(text="Hello John"),
    Channel.WEBHOOK: WebhookContent(title="Hello", text="Hello John"),
}
_ADDRESS = {
    Channel.EMAIL: "john@example.com",
    Channel.PUSH: "token123",
    Channel.SMS: "+14155550123",
    Channel.WEBHOOK: "https://hooks.example.com/a",
}


def outbound(
    channel: Channel = Channel.EMAIL,
    *,
    to: str | None = None,
    name: str | None = "John Doe",
    content: Content | None = None,
    id_: UUID | None = None,
    attempt: int = 1,
    **changes: Any,
) -> Outbound:
    """A message that any provider of `channel` accepts, but for what is given."""
    notification_id = id_ or uuid4()
    values: dict[str, Any] = {
        "notification_id": notification_id,
        "tenant": "default",
        "channel": channel,
        "attempt": attempt,
        "message_key": str(notification_id),
        "address": Address(_ADDRESS[channel] if to is None else to, name),
        "content": content or _CONTENT[channel],
    }
    return Outbound(**{**values, **changes})
