"""What a person's reply by SMS means for the suppression list: STOP, START, HELP."""

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
"""The words that a sender must understand in any case of letters: 47 CFR 64.1200(a)(10) (FCC), beside Twilio's STOPALL.

https://www.ecfr.gov/current/title-47/section-64.1200, https://help.twilio.com/articles/223134027
"""
START_WORDS = frozenset({"start", "unstop"})
HELP_WORDS = frozenset({"help", "info"})
_BETWEEN = re.compile(r"[\W_]+")


class Consented(StrEnum):
    """What a reply asked for, and what was done."""

    STOPPED = auto()  # the number is suppressed for all of the tenant's senders
    STARTED = auto()  # an opt-out was lifted; suppressions for other reasons stay
    HELP = auto()  # the sender is to answer with who it is
    NOTHING = auto()  # an ordinary message, or START where there was no opt-out


def wish_of(text: str) -> Consented:
    """What a reply asks for. Case, punctuation and space do not count; a word within a sentence is no request."""
    words = _BETWEEN.sub(" ", text).strip().lower()
    if words in STOP_WORDS:
        return Consented.STOPPED
    if words in START_WORDS:
        return Consented.STARTED
    return Consented.HELP if words in HELP_WORDS else Consented.NOTHING


async def consent(store: SuppressionStore, tenant: str, number: str, text: str, source: str) -> Consented:
    """Change the list as the reply `text` from `number` asks for. Idempotent, so a repeated webhook does no harm.

    Raises ValueError for a number that cannot be right (its message does not quote it), DatabaseUnavailable.
    """
    return await consent_everywhere(store, [tenant], number, text, source)


async def consent_everywhere(
    store: SuppressionStore, tenants: Sequence[str], number: str, text: str, source: str
) -> Consented:
    """As `consent`, for several tenants that share a sender: a reply does not say which of them it means."""
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
