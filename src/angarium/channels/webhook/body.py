"""The body of a webhook."""

import msgspec

from angarium.delivery.provider import Outbound
from angarium.rendering.content import WebhookContent


class NoWebhook(ValueError):
    """Not a webhook"""


def body_of(message: Outbound) -> str:
    """The JSON to post: the template's own, or title, text, variables and metadata. Raises NoWebhook.

    It is the same on every attempt, since receivers may compare it.
    """
    content = message.content
    if not isinstance(content, WebhookContent):
        raise NoWebhook("not a webhook")
    if content.json is not None:
        return content.json
    return msgspec.json.encode(
        {
            "type": "notification",
            "notification_id": str(message.notification_id),
            "template_code": message.template_code,
            "title": content.title,
            "text": content.text,
            "data": message.variables,
            "metadata": msgspec.Raw(message.metadata.encode()),
        }
    ).decode()
