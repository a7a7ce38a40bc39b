"""The settings of the gateway."""

from angarium.delivery.settings import ReceiptSettings, ReputationSettings
from angarium.directory.settings import DirectorySettings, PublicSettings
from angarium.notifications.settings import NotificationsDatabaseSettings, QueueSettings, RetentionSettings
from angarium.platform.settings.base import Settings
from angarium.platform.settings.groups import AuthSettings, CacheSettings, CallbackSettings, Port


class MailboxSettings(Settings):
    """Settings of the built-in mailbox; port 0: no SMTP server."""

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
    """The gateway's settings. It uses the providers' URLs to know the enabled channels and to verify webhooks.

    It explains pauses of senders, which only workers apply.
    """

    port: Port = 8000

    def uses_data_dir(self) -> bool:
        return super().uses_data_dir() or not self.production
