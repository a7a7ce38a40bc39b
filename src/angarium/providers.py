"""The public API for packages with their own provider. See docs/providers.md.

An entry point in the group `angarium.providers` names a `ProviderEntry`; its name is the URL scheme for operators. A
provider implements `Provider`. Test it with `angarium.testing.ProviderConformance`.
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
