"""When marketing is paused, when it goes on, and what marketing is."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from angarium.contracts.providers import provider_id_of
from angarium.contracts.statuses import Channel, Status
from angarium.notifications.providers.reputation import DEFAULT_LIMITS, Limits, Totals, is_marketing, percent
from angarium.notifications.receipt import Receipt, ReceiptKind
from angarium.notifications.receipts.counting import totals_of
from angarium.notifications.store.receipt_targets import About

_ID, _AT = UUID(int=1), datetime(2026, 11, 20, 9, tzinfo=UTC)
EXEMPT = frozenset({"security", "orders"})


@pytest.mark.parametrize(
    ("totals", "reason"),
    [
        (Totals(999, 999, 999), None),  # fewer sends say nothing
        (Totals(1000, 50, 1), None),  # at the limit
        (Totals(1000, 51, 0), "51 of 1,000 sends in 24 h bounced (5.1%, limit 5%)"),
        (Totals(20_000, 2_400), "2,400 of 20,000 sends in 24 h bounced (12%, limit 5%)"),
        (Totals(2000, 0, 3), "3 of 2,000 sends in 24 h were complained about (0.15%, limit 0.1%)"),
    ],
)
def test_too_many_bounces_or_complaints_pause(totals: Totals, reason: str | None) -> None:
    assert DEFAULT_LIMITS.exceeded(totals) == reason


@pytest.mark.parametrize(
    ("totals", "relieved"),
    [
        (Totals(1000, 51), False),
        (Totals(1000, 49), False),  # under the limit, and near enough to exceed it again at once
        (Totals(1000, 39), True),
        (Totals(10_000, 0, 9), False),
        (Totals(10_000, 0, 7), True),
        (Totals(60, 60), False),  # the sends of the day before are gone, their bounces are not
        (Totals(10, 1), True),  # one bounce among a few transactional mails
        (Totals(), True),
    ],
)
def test_a_pause_ends_well_below_the_limits(totals: Totals, relieved: bool) -> None:
    assert DEFAULT_LIMITS.relieved(totals) is relieved


def test_what_ends_a_pause_never_begins_one() -> None:
    for sends in range(0, 3000, 50):
        for bounces in range(0, 300, 3):
            totals = Totals(sends, bounces)
            assert not (DEFAULT_LIMITS.relieved(totals) and DEFAULT_LIMITS.exceeded(totals))


def test_limits_can_be_set_and_left_out() -> None:
    assert Limits(None, 0.001, 10).exceeded(Totals(10, 10)) is None
    assert Limits(0.5, None, 10).exceeded(Totals(10, 4, 10)) is None
    assert Limits(0.5, None, 10).exceeded(Totals(10, 6)) is not None
    assert Limits(None, None).relieved(Totals(5000, 5000, 5000))


@pytest.mark.parametrize(
    ("category", "priority", "marketing"),
    [
        ("marketing", 5, True),
        ("newsletter", 1, True),
        ("marketing", 8, False),  # a person waits for it
        ("security", 5, False),
        ("orders", 5, False),
        (None, 5, False),
    ],
)
def test_marketing_is_what_has_a_category_of_no_listed_kind_and_can_wait(
    category: str | None, priority: int, marketing: bool
) -> None:
    assert is_marketing(category, priority, EXEMPT) is marketing


def test_rates_are_shares_of_the_sends() -> None:
    assert (Totals(200, 24, 1).bounce_rate, Totals(200, 24, 1).complaint_rate) == (0.12, 0.005)
    assert (Totals(0, 3).bounce_rate, Totals(0, 3).complaint_rate) == (None, None)
    assert Totals(2, 3).bounce_rate == 1.0  # reported later than the hour of their sends
    assert [percent(share) for share in (0.12, 0.051, 0.001, 0.00123, 1.0)] == ["12%", "5.1%", "0.1%", "0.123%", "100%"]


def test_receipts_about_addresses_of_channels_that_bounce_count() -> None:
    def report(kind: ReceiptKind, channel: Channel) -> tuple[Receipt, About]:
        about = About(
            id=_ID, tenant="t", channel=channel, status=Status.SENT, user_id=None, category=None,
            provider="a", provider_message_id=None,
        )  # fmt: skip
        return Receipt(key="k", provider="a", kind=kind, at=_AT), about

    reports = [report(kind, channel) for kind in ReceiptKind for channel in (Channel.EMAIL, Channel.SMS, Channel.PUSH)]
    assert totals_of(reports) == {
        provider_id_of(channel, "a"): Totals(0, 1, 1) for channel in (Channel.EMAIL, Channel.SMS)
    }
