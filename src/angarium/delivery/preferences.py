"""Decides whether preferences allow a notification now. A pure function of preferences and time."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from angarium.contracts.notifications import URGENT_PRIORITY
from angarium.contracts.statuses import Channel
from angarium.contracts.users import Preferences, QuietHours


@dataclass(frozen=True, slots=True)
class Allowed:
    """Send it now."""


@dataclass(frozen=True, slots=True)
class OptedOut:
    """The user opted out; `detail` names the preference."""

    detail: str


@dataclass(frozen=True, slots=True)
class Quiet:
    """Not before `until` (aware, UTC)."""

    until: datetime


Decision = Allowed | OptedOut | Quiet


def decide(
    preferences: Preferences,
    *,
    channel: Channel,
    category: str | None,
    priority: int,
    now: datetime,
    timezone: str | None,
    mandatory: Collection[str] = (),
) -> Decision:
    """The decision at `now` (aware). The channel's switch comes first, then the category's, then quiet hours.

    Urgent notifications ignore quiet hours. Nothing overrides an opt-out, except that a mandatory category's own
    switch, stored before it became mandatory, does not count.
    """
    if not getattr(preferences, channel):
        return OptedOut(f"{channel} is switched off")
    switches = preferences.categories.get(category) if category and category not in mandatory else None
    if switches is not None and getattr(switches, channel) is False:
        return OptedOut(f"{channel} is switched off for {category}")
    if preferences.quiet_hours is None or priority >= URGENT_PRIORITY:
        return Allowed()
    until = _quiet_until(preferences.quiet_hours, now, _zone(timezone))
    return Quiet(until) if until else Allowed()


def _zone(name: str | None) -> ZoneInfo:
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def _quiet_until(hours: QuietHours, now: datetime, zone: ZoneInfo) -> datetime | None:
    """The end of the quiet hours at `now`; None outside of quiet hours.

    Start and end are wall-clock times, so they are an hour shorter or longer in the night of a clock change. A skipped
    wall-clock time counts as the end of the change (PEP 495, fold=0).
    """
    start, end = time.fromisoformat(hours.start), time.fromisoformat(hours.end)
    if start == end:
        return None
    today = now.astimezone(zone).date()
    for day in (today - timedelta(days=1), today):
        begins = datetime.combine(day, start, zone).astimezone(UTC)
        last_day = day if end > start else day + timedelta(days=1)
        ends = datetime.combine(last_day, end, zone).astimezone(UTC)
        if begins <= now < ends:
            return ends
    return None
