"""Reasons why no provider sends a waiting notification: an open circuit breaker, or a pause of marketing.

Pure functions of the notification, its timeline and the providers' state.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from angarium.contracts.notifications import Decision, NotificationView
from angarium.contracts.providers import BreakerState
from angarium.contracts.statuses import Status
from angarium.notifications.providers.model import SenderStanding, Standing
from angarium.notifications.providers.reputation import is_marketing

WAITING = frozenset({Status.PENDING, Status.RETRYING})
"""Statuses in which a provider's state is relevant."""


@dataclass(frozen=True, slots=True)
class Obstacles:
    """A decision for each provider that cannot be used now. `all`: there is no other one."""

    each: tuple[Decision, ...] = ()
    all: bool = False

    @property
    def words(self) -> str:
        """Why no provider can be used, as the end of a sentence; empty if one can."""
        if not self.all:
            return ""
        details = " ".join(decision.detail for decision in self.each)
        return details if len(self.each) == 1 else f"no provider can take it: {details}"


NO_OBSTACLES = Obstacles()


def obstacles_of(
    view: NotificationView,
    events: Sequence[Mapping[str, Any]],
    standings: Sequence[Standing],
    *,
    never_paused: Collection[str],
    now: datetime,
) -> Obstacles:
    """The obstacles of the channel's providers. Test keys use the sandbox, which has none."""
    if view.test or view.status not in WAITING:
        return NO_OBSTACLES
    able = [one for one in standings if one.workers and one.configured.channel is view.notification_type]
    last: Mapping[str, Any] = next((event for event in reversed(events) if event.get("event") == "attempt"), {})
    if last.get("outcome") == "ambiguous":  # no other provider may send it
        able = [one for one in able if one.configured.name == last.get("provider")] or able
    marketing = is_marketing(view.category, view.priority, never_paused)
    found = [_obstacle(standing, now, marketing=marketing) for standing in able]
    return Obstacles(tuple(one for one in found if one is not None), bool(found) and None not in found)


def moment_in_words(moment: datetime) -> str:
    """`2026-11-20 09:00:02 UTC`."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _obstacle(standing: Standing, now: datetime, *, marketing: bool) -> Decision | None:
    name = standing.configured.name
    if standing.breaker is not BreakerState.CLOSED:
        words = _forced(standing) if standing.forced else _opened(standing, now)
        return Decision(check="breaker", result=standing.breaker, detail=f"{name} is not used: {words}")
    if marketing and standing.sender.paused:
        return Decision(check="reputation", result="paused", detail=f"{name} {_paused(standing.sender)}")
    return None


def _forced(standing: Standing) -> str:
    at = "" if standing.opened_at is None else f" at {moment_in_words(standing.opened_at)}"
    return f"an operator opened its circuit breaker{at}. It is used again when an operator closes it."


def _opened(standing: Standing, now: datetime) -> str:
    """A breaker that is half open has not been closed either: it is open but for one message."""
    since = standing.opened_at
    opened = "is open" if since is None else f"has been open since {moment_in_words(since)}"
    because = f" ({standing.reason.rstrip('. ')})" if standing.reason else ""
    return f"its circuit breaker {opened}{because}. {_tried_again(standing, now)}"


def _tried_again(standing: Standing, now: datetime) -> str:
    if standing.breaker is BreakerState.HALF_OPEN:
        return "One message is being sent to try it."
    due = standing.probe_at
    again = "with the next message" if due is None or due <= now else f"at {moment_in_words(due)}"
    return f"It is tried again {again}."


def _paused(sender: SenderStanding) -> str:
    since = sender.changed_at
    sends = "sends no marketing" if since is None else f"has sent no marketing since {moment_in_words(since)}"
    if sender.forced:
        return f"{sends}: an operator paused it. It goes on when an operator resumes it."
    because = f": {sender.reason}" if sender.reason else ""
    return f"{sends}{because}. It goes on when the rates are well below the limits, or an operator resumes it."
