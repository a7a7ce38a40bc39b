"""The webhooks of email providers, by the scheme of their URLs."""

from collections.abc import Mapping

from angarium.channels.email.providers.mailgun_events import MailgunEvents
from angarium.channels.email.providers.sendgrid_events import SendGridEvents
from angarium.channels.email.providers.ses_events import SesEvents
from angarium.channels.receiving import SourceFactory

SOURCES: Mapping[str, SourceFactory] = {
    "sendgrid": SendGridEvents.of,
    "mailgun": MailgunEvents.of,
    "ses": SesEvents.of,
}
