"""The webhooks of SMS providers, by the scheme of their URLs."""

from collections.abc import Mapping

from angarium.channels.receiving import SourceFactory
from angarium.channels.sms.providers.twilio_events import TwilioEvents
from angarium.channels.sms.providers.vonage_events import VonageEvents

SOURCES: Mapping[str, SourceFactory] = {"twilio": TwilioEvents.of, "vonage": VonageEvents.of}
