"""Webhook URLs for providers that receive them with each message."""

from collections.abc import Callable

from angarium.contracts.paths import WEBHOOKS
from angarium.contracts.statuses import Channel
from angarium.delivery.providers.registry import describe_providers
from angarium.delivery.settings import WorkerSettings, webhook_token_of
from angarium.platform.settings.values import ProviderUrl


def webhook_urls(settings: WorkerSettings, channel: Channel) -> Callable[[ProviderUrl], str | None]:
    """The webhook URL of each configured provider; None if `PUBLIC_URL` or `WEBHOOK_TOKEN` is not set."""
    urls = settings.providers(channel)
    names = [configured.name for configured in describe_providers(channel, urls)]

    def url_of(url: ProviderUrl) -> str | None:
        token = None if settings.public_url is None else webhook_token_of(settings)
        if settings.public_url is None or token is None:
            return None
        name = next(name for given, name in zip(urls, names, strict=True) if given is url)
        return f"{settings.public_url.rstrip('/')}{WEBHOOKS}/{name}/{token}"

    return url_of
