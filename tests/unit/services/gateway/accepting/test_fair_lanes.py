"""One tenant's backlog does not stand before another's few."""

from datetime import timedelta

import pytest

from angarium.contracts.errors import Transient
from angarium.contracts.messages import light_queue, work_queue
from angarium.contracts.statuses import Channel
from angarium.notifications.model import NewNotification, OutboxMessage
from angarium.notifications.topology import build_topology
from angarium.platform.broker.memory.broker import MemoryBroker
from angarium.platform.broker.port import Outgoing
from angarium.services.gateway.accepting.lanes import ALLOWANCE, CROWDED, REFILL, SHORT, SPENT, FairLanes
from tests.conformance.store.backends import notification
from tests.support.clock import ManualClock


async def _lanes() -> tuple[FairLanes, MemoryBroker, ManualClock]:
    clock = ManualClock()
    broker = MemoryBroker(clock)
    await broker.declare(build_topology(retry_delays=(timedelta(seconds=1),)))
    return FairLanes(broker, clock), broker, clock


def _of(tenant: str, count: int, **changes: object) -> list[NewNotification]:
    return [notification(tenant=tenant, **changes) for _ in range(count)]


def _keys(messages: list[OutboxMessage]) -> list[str]:
    return [message.routing_key for message in messages]


async def _publish(broker: MemoryBroker, messages: list[OutboxMessage]) -> None:
    await broker.publish([Outgoing(m.exchange, m.routing_key, m.body, str(m.key.subject)) for m in messages])


async def test_without_a_crowd_everything_goes_the_ordinary_way() -> None:
    lanes, broker, _ = await _lanes()
    assert set(_keys(lanes.messages(_of("a", CROWDED - 1)))) == {"email"}
    assert _keys(lanes.messages(_of("b", 1))) == ["email"]
    await broker.close()


async def test_few_pass_a_crowd_and_the_crowd_does_not() -> None:
    lanes, broker, _ = await _lanes()
    crowd = lanes.messages(_of("a", CROWDED + ALLOWANCE + 1000))
    assert set(_keys(crowd)) == {"email"}
    assert _keys(lanes.messages(_of("b", 10))) == ["email.light"] * 10
    assert _keys(lanes.messages(_of("b", 1, priority=9))) == ["email.urgent"]
    assert _keys(lanes.messages(_of("b", 1, channel=Channel.SMS))) == ["sms"]
    assert _keys(lanes.messages(_of("a", 2))) == ["email"] * 2
    await broker.close()


async def test_few_urgent_ones_pass_another_tenants_crowd_of_urgent_ones() -> None:
    lanes, broker, _ = await _lanes()
    assert set(_keys(lanes.messages(_of("a", CROWDED + ALLOWANCE, priority=9)))) == {"email.urgent"}
    assert _keys(lanes.messages(_of("b", 10, priority=8))) == ["email.light"] * 10
    assert _keys(lanes.messages(_of("b", 2))) == ["email"] * 2, "the ordinary lane is not crowded"
    assert _keys(lanes.messages(_of("a", 2, priority=9))) == ["email.urgent"] * 2
    await lanes.once()
    assert _keys(lanes.messages(_of("b", 1, priority=8))) == ["email.urgent"]
    await broker.close()


async def test_many_other_tenants_give_a_crowd_no_new_allowance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("angarium.services.gateway.accepting.lanes._TENANTS", 50)
    lanes, broker, _ = await _lanes()
    lanes.messages(_of("a", CROWDED + ALLOWANCE))
    for number in range(200):
        assert _keys(lanes.messages(_of(f"t{number}", 1))) == ["email.light"]
        assert _keys(lanes.messages(_of("a", 1))) == ["email"]
    await broker.close()


async def test_who_has_many_after_all_joins_the_crowd() -> None:
    lanes, broker, _ = await _lanes()
    lanes.messages(_of("a", CROWDED + ALLOWANCE))
    keys = _keys(lanes.messages(_of("b", ALLOWANCE + 5)))
    assert keys == ["email.light"] * SPENT + ["email"] * (ALLOWANCE + 5 - SPENT)
    await broker.close()


async def test_the_crowd_is_measured_so_other_processes_count_too() -> None:
    lanes, broker, clock = await _lanes()
    other = FairLanes(broker, clock)
    await _publish(broker, other.messages(_of("a", CROWDED)))
    assert _keys(lanes.messages(_of("b", 1))) == ["email"]
    await lanes.once()
    assert _keys(lanes.messages(_of("b", 1))) == ["email.light"]
    [ordinary, light] = await broker.stats([work_queue(Channel.EMAIL), light_queue(Channel.EMAIL)])
    assert (ordinary.messages, light.messages) == (CROWDED, 0)
    await broker.close()


async def test_once_the_crowd_is_gone_the_ordinary_way_is_taken_again() -> None:
    lanes, broker, _ = await _lanes()
    lanes.messages(_of("a", CROWDED))  # never published: the broker measures an empty lane
    assert _keys(lanes.messages(_of("b", 1))) == ["email.light"]
    await lanes.once()
    assert _keys(lanes.messages(_of("b", 1))) == ["email"]
    await broker.close()


async def test_an_allowance_comes_back_while_the_light_lane_is_short() -> None:
    lanes, broker, clock = await _lanes()
    await _publish(broker, lanes.messages(_of("a", CROWDED + ALLOWANCE)))
    await clock.advance(1.0)
    assert set(_keys(lanes.messages(_of("a", 60)))) == {"email"}
    await clock.advance((SPENT + 10) / REFILL)
    await lanes.once()
    assert _keys(lanes.messages(_of("a", 60))).count("email.light") == 10
    await _publish(broker, [m for m in lanes.messages(_of("b", SHORT)) if m.routing_key == "email.light"])
    await lanes.once()
    await clock.advance(60.0)
    assert set(_keys(lanes.messages(_of("a", 5)))) == {"email"}
    await broker.close()


async def test_a_broker_that_is_away_is_no_reason_to_stop() -> None:
    lanes, broker, clock = await _lanes()
    lanes.messages(_of("a", 1))
    await broker.close()
    with pytest.raises(Transient):
        await lanes.once()
    await clock.advance(FairLanes.pause)
    assert _keys(lanes.messages(_of("a", 1))) == ["email"]
