"""What is posted: the template's JSON as it is, or a body of our own form."""

import json

import pytest

from angarium.channels.webhook.body import NoWebhook, body_of
from angarium.contracts.statuses import Channel
from angarium.rendering.content import SmsContent, WebhookContent
from angarium.testing.providers import outbound


def test_the_templates_json_is_posted_as_it_is() -> None:
    text = '{"a":  1, "b": "é"}'
    assert body_of(outbound(Channel.WEBHOOK, content=WebhookContent(json=text))) == text


def test_title_and_text_stand_in_a_body_of_our_form() -> None:
    message = outbound(
        Channel.WEBHOOK,
        content=WebhookContent(title=None, text='He said "é"'),
        template_code="welcome",
        variables={"name": "Ada", "items": [1, None]},
        metadata='{"order": 42}',
    )
    assert json.loads(body_of(message)) == {
        "type": "notification",
        "notification_id": str(message.notification_id),
        "template_code": "welcome",
        "title": None,
        "text": 'He said "é"',
        "data": {"name": "Ada", "items": [1, None]},
        "metadata": {"order": 42},
    }


def test_every_attempt_has_the_same_body() -> None:
    first = outbound(Channel.WEBHOOK)
    second = outbound(Channel.WEBHOOK, id_=first.notification_id, attempt=2)
    assert body_of(first) == body_of(second)


def test_what_is_no_webhook_has_no_body() -> None:
    with pytest.raises(NoWebhook):
        body_of(outbound(Channel.WEBHOOK, content=SmsContent("Hello")))
