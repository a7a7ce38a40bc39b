from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from angarium.contracts.statuses import Channel
from angarium.contracts.users import ChannelSwitches, Preferences, QuietHours
from angarium.delivery.preferences import Allowed, Decision, OptedOut, Quiet, decide

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
NIGHT = Preferences(quiet_hours=QuietHours(start="22:00", end="07:00"))


def ask(
    preferences: Preferences,
    *,
    now: datetime = NOON,
    category: str | None = None,
    priority: int = 5,
    zone: str | None = None,
) -> Decision:
    return decide(preferences, channel=Channel.EMAIL, category=category, priority=priority, now=now, timezone=zone)


def test_all_is_allowed_by_default() -> None:
    assert ask(Preferences()) == Allowed()


def test_a_switched_off_channel_is_an_opt_out() -> None:
    assert isinstance(ask(Preferences(email=False)), OptedOut)


def test_urgency_does_not_pass_an_opt_out() -> None:
    assert isinstance(ask(Preferences(email=False), priority=10), OptedOut)


def test_a_category_can_be_switched_off_alone() -> None:
    preferences = Preferences(categories={"marketing": ChannelSwitches(email=False)})
    assert isinstance(ask(preferences, category="marketing"), OptedOut)
    assert ask(preferences, category="security") == Allowed()
    assert ask(preferences) == Allowed()


def test_quiet_hours_defer_to_their_end_in_the_users_timezone() -> None:
    midnight_in_paris = datetime(2026, 11, 20, 23, 0, tzinfo=UTC)
    assert ask(NIGHT, now=midnight_in_paris, zone="Europe/Paris") == Quiet(datetime(2026, 11, 21, 6, 0, tzinfo=UTC))
    assert ask(NIGHT, now=midnight_in_paris, zone="America/Los_Angeles") == Allowed()


def test_urgent_ones_pass_quiet_hours() -> None:
    assert ask(NIGHT, now=datetime(2026, 11, 20, 23, 0, tzinfo=UTC), priority=8) == Allowed()


def test_an_unknown_timezone_counts_as_utc() -> None:
    assert isinstance(ask(NIGHT, now=datetime(2026, 11, 20, 23, 0, tzinfo=UTC), zone="Mars/Olympus"), Quiet)


@pytest.mark.parametrize(
    ("now", "until"),
    [
        # Berlin springs forward on 2026-03-29 at 02:00: the night is an hour shorter.
        (datetime(2026, 3, 28, 22, 0, tzinfo=UTC), datetime(2026, 3, 29, 5, 0, tzinfo=UTC)),
        # Berlin falls back on 2026-10-25 at 03:00: the night is an hour longer.
        (datetime(2026, 10, 24, 21, 0, tzinfo=UTC), datetime(2026, 10, 25, 6, 0, tzinfo=UTC)),
    ],
)
def test_quiet_hours_over_a_clock_change(now: datetime, until: datetime) -> None:
    assert ask(NIGHT, now=now, zone="Europe/Berlin") == Quiet(until)


@given(
    st.datetimes(datetime(2024, 1, 1), datetime(2028, 1, 1)),  # noqa: DTZ001 - made aware below
    st.sampled_from(["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "UTC"]),
    st.times().map(lambda t: t.strftime("%H:%M")),
    st.times().map(lambda t: t.strftime("%H:%M")),
)
def test_a_deferral_ends_at_the_wished_wall_time(moment: datetime, zone: str, start: str, end: str) -> None:
    now = moment.replace(tzinfo=UTC)
    decision = ask(Preferences(quiet_hours=QuietHours(start=start, end=end)), now=now, zone=zone)
    if isinstance(decision, Quiet):
        assert now < decision.until <= now + timedelta(hours=25)
        wall = decision.until.astimezone(ZoneInfo(zone))
        skipped = wall.utcoffset() != (decision.until - timedelta(hours=1)).astimezone(ZoneInfo(zone)).utcoffset()
        assert skipped or f"{wall:%H:%M}" == end


ZONES = ["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "America/Sao_Paulo", "UTC"]
switches = st.builds(
    ChannelSwitches,
    email=st.none() | st.booleans(),
    push=st.none() | st.booleans(),
    sms=st.none() | st.booleans(),
    webhook=st.none() | st.booleans(),
)
hours = st.builds(
    QuietHours,
    start=st.times().map(lambda t: t.strftime("%H:%M")),
    end=st.times().map(lambda t: t.strftime("%H:%M")),
)
wishes = st.builds(
    Preferences,
    email=st.booleans(),
    push=st.booleans(),
    sms=st.booleans(),
    webhook=st.booleans(),
    categories=st.dictionaries(st.sampled_from(["news", "security", "tips"]), switches),
    quiet_hours=st.none() | hours,
)


def _wanted(preferences: Preferences, channel: Channel, category: str | None) -> bool:
    """By the words of the contract, written down as a table of answers."""
    answers = [msgspec.to_builtins(preferences)[channel]]
    if category is not None and category in preferences.categories and category != "security":
        own = preferences.categories[category]
        answers.append(msgspec.to_builtins(own).get(channel) is not False)
    return all(answers)


def _is_quiet(quiet: QuietHours, wall: str) -> bool:
    """By the clock on the wall, as a person would look at it."""
    if quiet.start <= quiet.end:
        return quiet.start <= wall < quiet.end
    return wall >= quiet.start or wall < quiet.end


@settings(max_examples=100, deadline=None)
@given(
    wishes,
    st.sampled_from(Channel),
    st.sampled_from([None, "news", "security", "other"]),
    st.integers(1, 10),
    st.datetimes(datetime(2024, 1, 1), datetime(2028, 1, 1)),  # noqa: DTZ001 - made aware below
    st.sampled_from(ZONES),
)
def test_the_decision_is_what_the_words_of_the_contract_say(
    preferences: Preferences, channel: Channel, category: str | None, priority: int, moment: datetime, zone: str
) -> None:
    now = moment.replace(tzinfo=UTC)
    decision = decide(
        preferences,
        channel=channel,
        category=category,
        priority=priority,
        now=now,
        timezone=zone,
        mandatory=["security"],
    )
    quiet, wall = preferences.quiet_hours, f"{now.astimezone(ZoneInfo(zone)):%H:%M}"
    if not _wanted(preferences, channel, category):
        assert isinstance(decision, OptedOut)
    elif quiet is None or priority >= 8:
        assert decision == Allowed()
    elif not _near_a_clock_change(now, zone):
        assert isinstance(decision, Quiet) == _is_quiet(quiet, wall)
    if isinstance(decision, Quiet):
        after = decide(
            preferences, channel=channel, category=category, priority=priority, now=decision.until, timezone=zone
        )
        assert not isinstance(after, Quiet)


def _near_a_clock_change(now: datetime, zone: str) -> bool:
    """Then the clock on the wall shows some times twice or never, and a rule by its face alone says nothing."""
    offsets = {(now + timedelta(hours=hour)).astimezone(ZoneInfo(zone)).utcoffset() for hour in range(-26, 27)}
    return len(offsets) > 1
