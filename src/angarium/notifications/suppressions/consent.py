"""Effects of SMS replies on the suppression list: STOP, START, HELP."""

import re
from collections.abc import Sequence
from enum import StrEnum, auto
from typing import assert_never

from angarium.contracts.addresses import phone_number
from angarium.contracts.statuses import Channel
from angarium.contracts.suppressions import SuppressionReason
from angarium.notifications.suppressions.model import NewSuppression, Target
from angarium.notifications.suppressions.store import SuppressionStore

STOP_WORDS = frozenset({"stop", "stopall", "quit", "end", "revoke", "opt out", "optout", "cancel", "unsubscribe"})
"""Case-insensitive words that a sender must honour: 47 CFR 64.1200(a)(10) (FCC), and Twilio's STOPALL.

https://www.ecfr.gov/current/title-47/section-64.1200, https://help.twilio.com/articles/223134027
"""
START_WORDS = frozenset({"start", "unstop"})
HELP_WORDS = frozenset({"help", "info"})
_BETWEEN = re.compile(r"[\W_]+")


class Consented(StrEnum):
    """A reply's request and its effect."""

    STOPPED = auto()  # the number is suppressed for all of the tenant's senders
    STARTED = auto()  # an opt-out was lifted; suppressions for other reasons stay
    HELP = auto()  # the sender must answer with its identity
    NOTHING = auto()  # an ordinary message, or START where there was no opt-out


def wish_of(text: str) -> Consented:
    """The request in a reply. Case, punctuation and spaces are ignored; a word within a sentence is not a request."""
    words = _BETWEEN.sub(" ", text).strip().lower()
    if words in STOP_WORDS:
        return Consented.STOPPED
    if words in START_WORDS:
        return Consented.STARTED
    return Consented.HELP if words in HELP_WORDS else Consented.NOTHING


async def consent(store: SuppressionStore, tenant: str, number: str, text: str, source: str) -> Consented:
    """Apply the reply `text` from `number` to the list. Idempotent, so a repeated webhook is harmless.

    Raises ValueError for an invalid number (without quoting it), and DatabaseUnavailable.
    """
    return await consent_everywhere(store, [tenant], number, text, source)


async def consent_everywhere(
    store: SuppressionStore, tenants: Sequence[str], number: str, text: str, source: str
) -> Consented:
    """As `consent`, for several tenants that share a sender, since a reply does not name the tenant."""
    to = phone_number(number)
    targets = [Target(tenant, Channel.SMS, to) for tenant in tenants]
    wish = wish_of(text)
    match wish:
        case Consented.STOPPED:
            reason = SuppressionReason.OPT_OUT
            await store.add_many([NewSuppression(target=target, reason=reason, source=source) for target in targets])
            return wish
        case Consented.STARTED:
            lifted = [await store.lift(target, SuppressionReason.OPT_OUT) for target in targets]
            return wish if any(lifted) else Consented.NOTHING
        case Consented.HELP | Consented.NOTHING:
            return wish
        case _:
            assert_never(wish)
