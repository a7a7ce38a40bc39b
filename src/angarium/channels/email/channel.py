"""The email channel: its settings, providers and address check."""

from functools import partial

from angarium.channels.api import ApiProviders
from angarium.channels.email.address import addresses_of, check_address
from angarium.channels.email.library import build_with_library
from angarium.channels.email.message import Sender, build_message
from angarium.channels.email.providers.mailgun import Mailgun
from angarium.channels.email.providers.sendgrid import SendGrid
from angarium.channels.email.providers.ses import Ses
from angarium.channels.email.providers.smtp.url import from_url
from angarium.channels.email.sources import SOURCES
from angarium.channels.kit import make_kit
from angarium.channels.port import ChannelEntry
from angarium.contracts.addresses import email_address_in_full
from angarium.contracts.statuses import Channel
from angarium.delivery.composition import ChannelKit
from angarium.delivery.process import ProviderParts
from angarium.delivery.provider import Provider
from angarium.delivery.settings import WorkerSettings
from angarium.platform.settings.groups import Port
from angarium.platform.settings.values import ProviderUrl

_PORT = 8003


class Settings(WorkerSettings):
    """The email worker's settings."""

    port: Port = _PORT


def build_kit(settings: WorkerSettings, parts: ProviderParts) -> ChannelKit:
    """Build the channel's kit for the engine. Raises SettingsError."""
    sender = Sender.parse(settings.email_from)
    build = build_message if settings.fast else build_with_library
    apis = ApiProviders(parts)

    def smtp(url: ProviderUrl) -> Provider:
        return from_url(
            url,
            sender=sender,
            clock=parts.clock,
            logger=parts.logger,
            client=lambda: apis.client,
            fast_paths=settings.fast,
            production=settings.production,
            patience=settings.failover_after if len(settings.providers(Channel.EMAIL)) > 1 else None,
        )

    check = check_address if settings.fast else partial(check_address, rule=email_address_in_full)
    return make_kit(
        Channel.EMAIL,
        settings,
        parts,
        addresses_of=addresses_of,
        check_address=check,
        own={
            "smtp": smtp,
            "sendgrid": apis.factory(lambda url: SendGrid.of(url, sender)),
            "mailgun": apis.factory(lambda url: Mailgun.of(url, sender, parts.clock, build)),
            "ses": apis.factory(lambda url: Ses.of(url, sender, parts.clock, build)),
        },
        with_webhooks=SOURCES,
        sender=settings.email_from,
    )


EMAIL = ChannelEntry(
    channel=Channel.EMAIL,
    port=_PORT,
    schemes=frozenset({"smtp", "sendgrid", "mailgun", "ses"}),
    settings=Settings,
    build_kit=build_kit,
    addresses_of=addresses_of,
    check_address=check_address,
)
