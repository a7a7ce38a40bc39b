"""When a sender's marketing is paused, since too much of what it sends bounces or is complained about.

Pure: totals and limits in, a decision out. Mailbox providers judge a sender by these rates; one that they distrust
loses its transactional messages too.
"""

from collections.abc import Collection
from datetime import timedelta

import msgspec

from angarium.contracts.notifications import URGENT_PRIORITY

PERIOD = timedelta(hours=24)
"""What counts. Totals are kept by the hour, so it is up to an hour less."""
RELIEF = 0.8
"""A pause ends at this part of a limit, so that it does not begin again at once."""


class Totals(msgspec.Struct, frozen=True):
    """What became of the sends of one sender. A bounce or complaint counts when it is reported.

    `sends`: those that the provider took, and those that it refused for good because of the address. The latter count
    among the `bounces` too.
    """

    sends: int = 0
    bounces: int = 0
    complaints: int = 0

    def plus(self, other: "Totals") -> "Totals":
        """The sum of both."""
        return Totals(self.sends + other.sends, self.bounces + other.bounces, self.complaints + other.complaints)

    @property
    def bounce_rate(self) -> float | None:
        """The share of bounces; None without sends."""
        return min(self.bounces / self.sends, 1.0) if self.sends else None

    @property
    def complaint_rate(self) -> float | None:
        """The share of complaints; None without sends."""
        return min(self.complaints / self.sends, 1.0) if self.sends else None


NOTHING = Totals()


class Limits(msgspec.Struct, frozen=True):
    """Shares of the sends above which marketing is paused; None: that one does not count.

    `sends`: fewer say nothing.
    """

    bounces: float | None = 0.05
    complaints: float | None = 0.001
    sends: int = 1000

    def exceeded(self, totals: Totals) -> str | None:
        """Why marketing has to be paused, in words for operators; None: it need not be."""
        if totals.sends < self.sends:
            return None
        if self.bounces is not None and totals.bounces / totals.sends > self.bounces:
            return _words(totals.bounces, "bounced", totals.sends, self.bounces)
        if self.complaints is not None and totals.complaints / totals.sends > self.complaints:
            return _words(totals.complaints, "were complained about", totals.sends, self.complaints)
        return None

    def relieved(self, totals: Totals) -> bool:
        """Whether a pause may end: every rate is below RELIEF of its limit.

        While marketing waits there may be few sends. Then the rate is that of the fewest sends that say something:
        one bounce of ten transactional mails prolongs no pause, and fifty of fifty do.
        """
        sends = max(totals.sends, self.sends)
        pairs = ((totals.bounces, self.bounces), (totals.complaints, self.complaints))
        return all(limit is None or count / sends < limit * RELIEF for count, limit in pairs)


DEFAULT_LIMITS = Limits()


def is_marketing(category: str | None, priority: int, exempt: Collection[str]) -> bool:
    """Whether a notification waits while its sender is paused.

    It has a category that people may switch off and that is not listed as transactional; `exempt` has the mandatory
    categories and the transactional ones. What has no category, or is urgent, is transactional.
    """
    return category is not None and category not in exempt and priority < URGENT_PRIORITY


def percent(share: float) -> str:
    """`5%`, `0.12%`: with two digits where it is small."""
    return f"{share * 100:.3g}%" if share < 0.1 else f"{share:.0%}"  # noqa: PLR2004 - 10 %


def _words(count: int, what: str, sends: int, limit: float) -> str:
    return f"{count:,} of {sends:,} sends in 24 h {what} ({percent(count / sends)}, limit {percent(limit)})"
