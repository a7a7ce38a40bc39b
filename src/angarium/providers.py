"""What a package needs that brings a provider of its own. See docs/providers.md.

An entry point in the group `angarium.providers` leads to a `ProviderEntry`; its name is the scheme of the URLs that
operators configure. A provider has the methods of `Provider`. It is tested with `angarium.testing.ProviderConformance`.
"""

from angarium.contracts.statuses import Channel
from angarium.delivery.outcome import Ambiguous, Configuration, Outcome, Permanent, Retry, Sent
from angarium.delivery.provider import Address, Busy, ImmediatePermit, NoPermit, Outbound, Permit, Provider
from angarium.delivery.providers.installed import GROUP, ProviderEntry, ProviderSurroundings
from angarium.platform.settings.values import ProviderUrl
from angarium.rendering.content import Content, EmailContent, PushContent, SmsContent, WebhookContent

__all__ = [
    "GROUP",
    "Address",
    "Ambiguous",
    "Busy",
    "Channel",
    "Configuration",
    "Content",
    "EmailContent",
    "ImmediatePermit",
    "NoPermit",
    "Outbound",
    "Outcome",
    "Permanent",
    "Permit",
    "Provider",
    "ProviderEntry",
    "ProviderSurroundings",
    "ProviderUrl",
    "PushContent",
    "Retry",
    "Sent",
    "SmsContent",
    "WebhookContent",
]
