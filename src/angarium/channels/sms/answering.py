"""Answers to STOP, START and HELP for providers that do not send them.

Carriers require a confirmation of STOP and an answer to HELP that names the sender:
https://www.ctia.org/the-wireless-industry/industry-commitments/messaging-interoperability-sms-mms
"""

from collections.abc import Callable, Coroutine, Mapping
from contextlib import AsyncExitStack
from email.utils import parseaddr
from types import MappingProxyType
from typing import Any
from uuid import UUID

from angarium.channels.api import ApiProvider
from angarium.channels.sms.providers import vonage
from angarium.contracts.addresses import phone_number
from angarium.contracts.statuses import Channel
from angarium.delivery.outcome import outcome_word
from angarium.delivery.provider import Address, Outbound, Provider
from angarium.delivery.providers.registry import describe_providers
from angarium.delivery.settings import ProviderSettings
from angarium.notifications.suppressions.consent import Consented
from angarium.platform.clock import Clock
from angarium.platform.http.api.opening import open_api_client
from angarium.platform.telemetry.logging import Logger
from angarium.rendering.content import SmsContent

Answer = Callable[[str, str, Consented], Coroutine[Any, Any, None]]
"""Sends an answer, at most once, given the reply's key, its number and the effect. Never raises."""
TEXTS: Mapping[Consented, str] = MappingProxyType(
    {
        Consented.STOPPED: "You are unsubscribed and will get no more messages. Reply START to get them again.",
        Consented.STARTED: "You will get messages again. Reply STOP to end them, HELP for help.",
        Consented.HELP: "Reply STOP to get no more messages, START to get them again.",
    }
)


def open_answers(
    settings: ProviderSettings, stack: AsyncExitStack, *, clock: Clock, logger: Logger
) -> Mapping[str, Answer]:
    """The answers by provider name, for providers that leave them to us: Vonage. Raises SettingsError.

    The first one also answers requests to the scheme's URL.
    """
    urls = settings.providers(Channel.SMS)
    name, _ = parseaddr(settings.email_from)
    answers: dict[str, Answer] = {}
    for url, configured in zip(urls, describe_providers(Channel.SMS, urls), strict=True):
        if url.scheme == "vonage" and url.webhook_key is not None:
            api = vonage.from_url(url, clock=clock)
            provider = ApiProvider(api, open_api_client(stack, clock), clock=clock, logger=logger)
            stack.push_async_callback(provider.close)
            answers[configured.name] = answer_by(provider, name, logger)
    return {"vonage": next(iter(answers.values())), **answers} if answers else {}


def answer_by(provider: Provider, sender: str, logger: Logger) -> Answer:
    """Answers through `provider` on behalf of `sender`."""

    async def answer(key: str, number: str, done: Consented) -> None:
        text = TEXTS.get(done)
        if text is not None:
            outcome = await provider.send(_message(key, number, f"{sender}: {text}" if sender else text))
            logger.info("sms.answered", provider=provider.name, result=str(done), outcome=outcome_word(outcome))

    return answer


def _message(key: str, number: str, text: str) -> Outbound:
    return Outbound(
        notification_id=UUID(key[:32]),  # without a notification: its receipt is ignored
        tenant="",
        channel=Channel.SMS,
        attempt=1,
        message_key=key,
        address=Address(phone_number(number)),
        content=SmsContent(text),
    )
