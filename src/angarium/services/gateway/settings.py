"""The settings of the gateway."""

from angarium.delivery.settings import ReceiptSettings, ReputationSettings
from angarium.directory.settings import DirectorySettings, PublicSettings
from angarium.notifications.settings import NotificationsDatabaseSettings, QueueSettings, RetentionSettings
from angarium.platform.settings.base import Settings
from angarium.platform.settings.groups import AuthSettings, CacheSettings, CallbackSettings, Port


class MailboxSettings(Settings):
    """The built-in catcher; port 0: none."""

    mailbox_smtp_port: Port = 1025


class GatewaySettings(
    NotificationsDatabaseSettings,
    QueueSettings,
    CacheSettings,
    DirectorySettings,
    AuthSettings,
    ReceiptSettings,
    ReputationSettings,
    PublicSettings,
    MailboxSettings,
    CallbackSettings,
    RetentionSettings,
):
    """The gateway's settings. Of the providers it knows which channels have any, and verifies their webhooks.

    It explains what workers do: it pauses no sender itself.
    """

    port: Port = 8000

    def uses_data_dir(self) -> bool:
        return super().uses_data_dir() or not self.production
