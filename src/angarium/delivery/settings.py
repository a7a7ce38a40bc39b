"""The settings of a channel worker."""

from angarium.platform.settings.groups import (
    BrokerSettings,
    CacheSettings,
    CallbackSettings,
    DirectorySettings,
    NotificationsDatabaseSettings,
    PreferenceSettings,
    ProviderSettings,
)


class WorkerSettings(
    NotificationsDatabaseSettings,
    BrokerSettings,
    CacheSettings,
    DirectorySettings,
    ProviderSettings,
    PreferenceSettings,
    CallbackSettings,
):
    """What `angarium work` reads. Each channel has a default port of its own for its health."""
