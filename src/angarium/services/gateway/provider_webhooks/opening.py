"""Builds the sources that verify and read webhooks, from the settings."""

from contextlib import AsyncExitStack
from http import HTTPStatus

from angarium.channels.receiving import Fetch
from angarium.channels.sms.answering import open_answers
from angarium.channels.sources import build_sources
from angarium.contracts.errors import Transient
from angarium.delivery.settings import webhook_token_of
from angarium.platform.http.api.port import AnswerLost, NotSent
from angarium.platform.http.guard.api import GuardedApi
from angarium.platform.http.guard.opening import open_guarded
from angarium.platform.runtime import Runtime
from angarium.services.gateway.provider_webhooks.use_cases import WebhookRules
from angarium.services.gateway.settings import GatewaySettings


class NotFetched(Transient):
    """A signing certificate cannot be fetched"""


def open_rules(settings: GatewaySettings, runtime: Runtime, stack: AsyncExitStack) -> WebhookRules:
    """The configured sources and answers. Raises SettingsError.

    Signing certificates are fetched by a client that connects to public addresses only.
    """
    api = GuardedApi(open_guarded(settings, stack))
    return WebhookRules(
        sources=build_sources(settings, runtime.clock, fetch_by(api)),
        answers=open_answers(settings, stack, clock=runtime.clock, logger=runtime.logger),
        token=webhook_token_of(settings),
        public_url=settings.public_url,
    )


def fetch_by(api: GuardedApi) -> Fetch:
    """A function that fetches a URL through `api` without following redirects. It raises NotFetched."""

    async def fetch(url: str) -> bytes:
        try:
            answer = await api.request("GET", url, headers={})
        except (NotSent, AnswerLost) as error:
            raise NotFetched from error
        if answer.status != HTTPStatus.OK:
            raise NotFetched
        return answer.body

    return fetch
