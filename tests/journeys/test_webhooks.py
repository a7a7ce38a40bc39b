"""Webhooks: a notification as a signed POST to a URL of its recipient's."""

from tests.support.system import System
from tests.support.system_verbs import new_name


async def test_a_webhook_is_caught_by_the_mailbox(system: System) -> None:
    url = f"https://hooks.example/{new_name('hook')}"
    template = await system.create_template(
        channel="webhook", subject=None, content=None, json='{"name": {{ name | json }}}'
    )
    found = await system.deliver(
        notification_type="webhook",
        recipient={"webhook": url},
        template_code=template["code"],
        variables={"name": 'Ada "Countess" <b>'},
    )
    assert (found["notification_type"], found["provider"]) == ("webhook", "mailbox")
    assert found["recipient"] == {"webhook": url}
    [caught] = await system.mailbox(channel="webhook", to=url)
    assert caught["text"] == '{"name": "Ada \\"Countess\\" <b>"}'
