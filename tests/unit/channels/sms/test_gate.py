"""Countries and limits of SMS: what is let through, what is counted, what happens without the shared count."""

from datetime import timedelta
from pathlib import Path

import pytest

from angarium.channels.sms.gate import SmsGate, SmsLimits
from angarium.delivery.provider import Address
from angarium.platform.rate_limit.memory import MemoryCounter
from angarium.platform.rate_limit.port import Count, CounterUnavailable
from angarium.platform.settings.values import Countries, RateLimit
from tests.support.clock import ManualClock
from tests.support.delivering import ScriptedProvider, delivering

GERMAN, AMERICAN, CANADIAN, NOWHERE = "+493012345678", "+12025550123", "+14165550123", "+883510000000001"


class Claim:
    """What the gate reads of a claim."""

    def __init__(self, tenant: str = "default") -> None:
        self.tenant = tenant


class Away:
    """A shared count that does not answer."""

    async def count(self, name: str, limit: RateLimit, *, admitted: int = 0, wanted: int = 0) -> Count:
        raise CounterUnavailable

    async def close(self) -> None:
        return None


def gate(
    clock: ManualClock,
    countries: str = "all",
    per_number: str = "off",
    per_tenant: str = "off",
    *,
    shared: MemoryCounter | Away | None = None,
) -> SmsGate:
    limits = SmsLimits(
        countries=Countries.parse(countries),
        per_number=RateLimit.parse(per_number),
        per_tenant=RateLimit.parse(per_tenant),
    )
    return SmsGate(limits, shared=shared, local=MemoryCounter(clock))


async def refused(gate: SmsGate, number: str = GERMAN, tenant: str = "default") -> str | None:
    reason = await gate.refusal(Claim(tenant), Address(number))  # type: ignore[arg-type]
    if reason is not None:
        assert number not in reason.message
    return None if reason is None else reason.code


@pytest.mark.parametrize(
    ("countries", "allowed"),
    [
        ("all", {GERMAN, AMERICAN, CANADIAN, NOWHERE}),
        ("+DE,US", {GERMAN, AMERICAN}),
        ("-US", {GERMAN, CANADIAN, NOWHERE}),
        ("+ de , ca", {GERMAN, CANADIAN}),
    ],
)
async def test_numbers_of_other_countries_are_refused(countries: str, allowed: set[str]) -> None:
    asked = gate(ManualClock(), countries)
    answers = {number: await refused(asked, number) for number in (GERMAN, AMERICAN, CANADIAN, NOWHERE)}
    assert answers == {number: None if number in allowed else "country_blocked" for number in answers}


async def test_a_number_gets_no_more_than_its_limit_until_the_period_is_over() -> None:
    clock = ManualClock()
    asked = gate(clock, per_number="2/day")
    assert [await refused(asked) for _ in range(3)] == [None, None, "number_limit"]
    assert await refused(asked, AMERICAN) is None
    assert await refused(asked, tenant="other") is None
    await clock.advance(timedelta(days=1.1).total_seconds())
    assert await refused(asked) is None


async def test_a_tenant_sends_no_more_than_its_limit() -> None:
    asked = gate(ManualClock(), per_tenant="2/day")
    numbers = (GERMAN, AMERICAN, CANADIAN)
    assert [await refused(asked, number) for number in numbers] == [None, None, "tenant_limit"]
    assert await refused(asked, tenant="other") is None


async def test_what_is_refused_does_not_count_for_the_tenant() -> None:
    asked = gate(ManualClock(), "+US", per_number="1/day", per_tenant="2/day")
    assert [await refused(asked, number) for number in (GERMAN, AMERICAN, AMERICAN)] == [
        "country_blocked",
        None,
        "number_limit",
    ]
    assert await refused(asked, "+12025550124") is None


async def test_processes_share_a_count() -> None:
    clock = ManualClock()
    shared = MemoryCounter(clock)
    one, two = (gate(clock, per_number="1/day", shared=shared) for _ in range(2))
    assert (await refused(one), await refused(two)) == (None, "number_limit")


async def test_each_process_counts_for_itself_while_the_shared_count_is_away() -> None:
    asked = gate(ManualClock(), per_number="1/day", shared=Away())
    assert [await refused(asked), await refused(asked)] == [None, "number_limit"]


async def test_a_refused_notification_ends_skipped_without_attempt(tmp_path: Path) -> None:
    provider = ScriptedProvider()
    asked = gate(ManualClock(), per_number="1/day")
    async with delivering(tmp_path, first=provider, gate=asked) as bench:
        [first] = await bench.accept()
        await bench.ends_as(first, "sent")
        [marked] = await bench.accept(test=True)
        await bench.ends_as(marked, "sent")
        [second] = await bench.accept()
        await bench.ends_as(second, "skipped")
        view = await bench.reader.get("default", second)
        assert view is not None
        assert view.reason is not None
        assert (view.reason.code, view.attempts) == ("number_limit", 0)
        assert len(provider.received) == 1


@pytest.mark.parametrize("text", ["DE", "+", "+D", "+DE,", "-XYZ", "+DE;FR", "*"])
def test_an_invalid_list_is_refused_with_its_rule(text: str) -> None:
    with pytest.raises(ValueError, match="country codes"):
        Countries.parse(text)
