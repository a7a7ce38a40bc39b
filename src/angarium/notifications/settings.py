"""Settings of processes that work on notifications: database, retries, retention."""

from datetime import timedelta
from typing import Literal

from pydantic import Field

from angarium.contracts.statuses import Channel
from angarium.platform.settings.base import Settings, sqlite_in_data_dir
from angarium.platform.settings.groups import BrokerSettings, DatabaseSettings
from angarium.platform.settings.sources import wrong
from angarium.platform.settings.values import Period, RetryDelayList, parse_retry_delays

DEFAULT_RETRY_DELAYS = "1s,2s,4s,8s,16s"
SHORTEST_RETENTION = timedelta(hours=24)
"""Idempotency keys must be valid for this long, and are deleted with their notification."""


class NotificationsDatabaseSettings(DatabaseSettings):
    """The shared status store."""

    notifications_database_url: str = Field(default_factory=sqlite_in_data_dir("notifications"), repr=False)
    notifications_read_database_url: str | None = Field(default=None, repr=False)


class QueueSettings(BrokerSettings):
    """Retry delays, and which events are published."""

    retry_delays: RetryDelayList = parse_retry_delays(DEFAULT_RETRY_DELAYS)
    email_retry_delays: RetryDelayList | None = None
    push_retry_delays: RetryDelayList | None = None
    sms_retry_delays: RetryDelayList | None = None
    webhook_retry_delays: RetryDelayList | None = None
    status_events: Literal["on", "off"] = "off"

    def delays(self, channel: Channel) -> tuple[timedelta, ...]:
        """The delays between a channel's attempts; their number is the number of retries."""
        own: tuple[timedelta, ...] | None = getattr(self, f"{channel}_retry_delays")
        return self.retry_delays if own is None else own


class RetentionSettings(Settings):
    """Retention of finished notifications, and of the personal data in them. None disables deletion."""

    retention: Period = None
    redact_after: Period = None

    def refuse_unsafe(self) -> None:
        super().refuse_unsafe()
        if self.retention is not None and self.retention < SHORTEST_RETENTION:
            raise wrong("retention", "must be off or at least 24h, as idempotency keys live that long")
