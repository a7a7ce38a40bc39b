"""The chart and the figures of the overview."""

from datetime import UTC, datetime, timedelta

import pytest

from angarium.contracts.statuses import Channel, Status
from angarium.notifications.store.read.activity import Minute, Recent
from angarium.services.gateway.dashboard.overview.chart import HEIGHT, chart_of, round_up
from angarium.services.gateway.dashboard.overview.figures import figures_of, latency_of

START = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)


def minutes(*counts: tuple[float, float]) -> list[Minute]:
    """Minutes with these numbers of accepted and failed ones."""
    return [Minute(START + timedelta(minutes=n), *count) for n, count in enumerate(counts)]


def test_bars_fit_the_drawing_and_a_failure_is_seen() -> None:
    chart = chart_of(minutes((0, 0), (500, 1), (1000, 0)))
    assert (chart.top, chart.width) == (1000, 30)
    assert [bar.height for bar in chart.bars] == [0, 50, HEIGHT]
    assert chart.bars[1].failed == 2
    assert all(0 <= bar.y <= HEIGHT and bar.y + bar.height <= HEIGHT for bar in chart.bars)
    assert chart.summary == "1,500 accepted in the last 3 minutes, 1 of them failed"


@pytest.mark.parametrize(("value", "top"), [(0, 1), (1, 1), (1.2, 2), (3, 5), (11, 20), (200, 200), (201, 500)])
def test_the_scale_has_round_ends(value: float, top: float) -> None:
    assert round_up(value) == top


def test_percentiles_are_of_the_nearest_rank() -> None:
    latency = latency_of([float(n) for n in range(100, 0, -1)])
    assert (latency.p50, latency.p95, latency.p99) == (50, 95, 99)
    assert latency_of([7.0]).p50 == latency_of([7.0]).p99 == 7.0
    assert latency_of([]).p50 is None


def test_only_what_was_tried_counts_as_failed_or_not() -> None:
    recent = [
        Recent(Channel.EMAIL, status, None, None, 1.0 if status is Status.SENT else None)
        for status in (Status.SENT, Status.SENT, Status.DELIVERED, Status.FAILED, Status.SKIPPED, Status.PENDING)
    ]
    figures = figures_of(minutes((60, 0), (120, 0), (7, 0)), recent)
    assert (figures.per_minute, figures.failed_share, figures.sample) == (90, 0.25, 6)
    assert figures.by_channel == {Channel.EMAIL: 6}
