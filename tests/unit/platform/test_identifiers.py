from datetime import UTC, datetime

from angarium.platform.identifiers import Identifiers
from tests.support.clock import ManualClock


async def test_form_of_version_7() -> None:
    clock = ManualClock(datetime(2026, 11, 20, 9, 0, tzinfo=UTC))
    made = Identifiers(clock, lambda size: b"\xff" * size).new()
    assert made.version == 7
    assert made.variant == "specified in RFC 4122"
    assert made.int >> 80 == int(clock.now().timestamp() * 1000)


async def test_later_ones_sort_after() -> None:
    clock = ManualClock()
    identifiers = Identifiers(clock)
    made = []
    for _ in range(20):
        made.append(identifiers.new())
        await clock.advance(0.001)
    assert made == sorted(made)


async def test_the_same_moment_gives_different_ones() -> None:
    identifiers = Identifiers(ManualClock())
    assert len({identifiers.new() for _ in range(1000)}) == 1000
