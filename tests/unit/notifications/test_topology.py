from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from angarium.contracts.statuses import Channel
from angarium.notifications.topology import LADDER, build_topology, next_delay


def test_every_channel_has_its_queue_and_its_urgent_lane() -> None:
    topology = build_topology(retry_delays=[])
    bindings = {queue.name: [b.routing_key for b in queue.bindings] for queue in topology.queues}
    assert bindings.pop("failed.queue") == ["failed"]
    assert bindings == {
        name: [key]
        for channel in Channel
        for name, key in (
            (f"{channel}.queue", str(channel)),
            (f"{channel}.urgent.queue", f"{channel}.urgent"),
            (f"{channel}.light.queue", f"{channel}.light"),
        )
    }


def test_configured_delays_are_kept_beside_the_ladder() -> None:
    delays = build_topology(retry_delays=[timedelta(milliseconds=100), timedelta(seconds=1)]).delays
    assert delays[0] == timedelta(milliseconds=100)
    assert set(LADDER) <= set(delays)
    assert len(set(delays)) == len(delays)


@given(st.floats(min_value=0, max_value=4000))
def test_hops_are_never_early_and_at_most_a_second_late(seconds: float) -> None:
    wait = left = timedelta(seconds=seconds)
    travelled = timedelta(0)
    while left > timedelta(0):
        step = next_delay(left, LADDER)
        travelled += step
        left -= step
    assert wait <= travelled <= wait + timedelta(seconds=1)
