"""The webhooks of push providers, by the scheme of their URLs."""

from collections.abc import Mapping

from angarium.channels.push.providers.onesignal_events import OneSignalEvents
from angarium.channels.receiving import SourceFactory

SOURCES: Mapping[str, SourceFactory] = {"onesignal": OneSignalEvents.of}
