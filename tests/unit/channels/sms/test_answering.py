"""Our answers to replies, for providers that do not answer themselves."""

from contextlib import AsyncExitStack

import pytest

from angarium.channels.sms.answering import open_answers
from angarium.delivery.settings import ProviderSettings
from angarium.notifications.receipt import receipt_key
from angarium.notifications.suppressions.consent import Consented
from angarium.platform.clock import SystemClock
from angarium.testing.http_api import scripted_api
from tests.support.mailbox_gateway import quiet_logger
from tests.support.phone_apis import TO, TOKEN
from tests.support.phone_apis import vonage as vonage_handler


@pytest.mark.parametrize(
    ("done", "text"),
    [
        (Consented.STOPPED, "Shop: You are unsubscribed"),
        (Consented.STARTED, "Shop: You will get messages again"),
        (Consented.HELP, "Shop: Reply STOP"),
        (Consented.NOTHING, None),
    ],
)
async def test_vonage_is_answered_for_in_the_senders_name(done: Consented, text: str | None) -> None:
    async with scripted_api(vonage_handler) as api, AsyncExitStack() as stack:
        urls = f"twilio://AC0123:{TOKEN}@+15005550006,vonage://abcd1234:{TOKEN}@14155550100?webhook_key=k&base_url={api.origin}"
        settings = ProviderSettings.load(sms_providers=urls, email_from="Shop <shop@example.com>")
        answers = open_answers(settings, stack, clock=SystemClock(), logger=quiet_logger())
        assert answers.keys() == {"vonage"}
        await answers["vonage"](receipt_key("vonage", "reply"), TO, done)
        assert [call.json["text"].startswith(text) for call in api.calls] == ([] if text is None else [True])
