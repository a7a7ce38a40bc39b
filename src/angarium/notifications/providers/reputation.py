"""The rules for pausing a sender's marketing when its bounce or complaint rate is too high.

Pure functions of totals and limits. Mailbox providers rate senders by these figures, and a bad reputation also affects
transactional messages.
"""

from collections.abc import Collection
from datetime import timedelta

import msgspec

from angarium.contracts.notifications import URGENT_PRIORITY

PERIOD = timedelta(hours=24)
"""The period of the totals. They are stored per hour, so it may be up to an hour shorter."""
RELIEF = 0.8
"""The fraction of a limit at which a pause ends, so that it does not start again at once."""


class Totals(msgspec.Struct, frozen=True):
    """The outcomes of one sender's sends. Bounces and complaints count at the time of their report.

    `sends`: those that the provider accepted, and those that it permanently refused because of the address, which are
    also `bounces`.
    """

    sends: int = 0
    bounces: int = 0
    complaints: int = 0

    def plus(self, other: "Totals") -> "Totals":
        """The sum of both."""
        return Totals(self.sends + other.sends, self.bounces + other.bounces, self.complaints + other.complaints)

    @property
    def bounce_rate(self) -> float | None:
        """The fraction of bounces; None without sends."""
        return min(self.bounces / self.sends, 1.0) if self.sends else None

    @property
    def complaint_rate(self) -> float | None:
        """The fraction of complaints; None without sends."""
        return min(self.complaints / self.sends, 1.0) if self.sends else None


NOTHING = Totals()


class Limits(msgspec.Struct, frozen=True):
    """Fractions of the sends above which marketing is paused; None: no limit.

    `sends`: the minimum number of sends for a decision.
    """

    bounces: float | None = 0.05
    complaints: float | None = 0.001
    sends: int = 1000

    def exceeded(self, totals: Totals) -> str | None:
        """Why marketing must be paused, for operators; None if it need not be."""
        if totals.sends < self.sends:
            return None
        if self.bounces is not None and totals.bounces / totals.sends > self.bounces:
            return _words(totals.bounces, "bounced", totals.sends, self.bounces)
        if self.complaints is not None and totals.complaints / totals.sends > self.complaints:
            return _words(totals.complaints, "were complained about", totals.sends, self.complaints)
        return None

    def relieved(self, totals: Totals) -> bool:
        """Whether a pause may end: every rate is below RELIEF of its limit.

        During a pause there may be few sends. The rate is then computed for the minimum number of sends: one bounce in
        ten transactional mails does not prolong a pause, but fifty in fifty do.
        """
        sends = max(totals.sends, self.sends)
        pairs = ((totals.bounces, self.bounces), (totals.complaints, self.complaints))
        return all(limit is None or count / sends < limit * RELIEF for count, limit in pairs)


DEFAULT_LIMITS = Limits()


def is_marketing(category: str | None, priority: int, exempt: Collection[str]) -> bool:
    """Whether a notification waits while its sender is paused.

    True for a category that users can disable and that is not listed as transactional; `exempt` has the mandatory and
    the transactional categories. Notifications without a category, and urgent ones, are transactional.
    """
    return category is not None and category not in exempt and priority < URGENT_PRIORITY


def percent(share: float) -> str:
    """`5%`, `0.12%`: small values have two digits."""
    return f"{share * 100:.3g}%" if share < 0.1 else f"{share:.0%}"  # noqa: PLR2004 - 10 %


def _words(count: int, what: str, sends: int, limit: float) -> str:
    return f"{count:,} of {sends:,} sends in 24 h {what} ({percent(count / sends)}, limit {percent(limit)})"
