"""The topology that Angarium declares on the broker, and the choice of delay queues."""

from collections.abc import Iterable, Sequence
from datetime import timedelta

from angarium.contracts.messages import (
    EVENTS_EXCHANGE,
    FAILED_KEY,
    FAILED_QUEUE,
    RETRY_EXCHANGE,
    RETRY_QUEUE,
    WORK_EXCHANGE,
    light_key,
    light_queue,
    urgent_queue,
    work_queue,
)
from angarium.contracts.statuses import Channel
from angarium.notifications.settings import QueueSettings
from angarium.platform.broker.port import Binding, Queue, Topology

LADDER: Sequence[timedelta] = tuple(timedelta(seconds=s) for s in (1, 2, 4, 8, 16, 32, 60))
"""Delays that always exist, for waits outside of the settings (a provider's `Retry-After`)."""


def build_topology(
    *, retry_delays: Iterable[timedelta], message_ttl: timedelta | None = None, max_length: int | None = None
) -> Topology:
    """The whole topology; `message_ttl` and `max_length` apply to the work queues."""
    work = [
        Queue(name, (Binding(WORK_EXCHANGE, key),), ttl=message_ttl, max_length=max_length)
        for channel in Channel
        for name, key in (
            (work_queue(channel), str(channel)),
            (urgent_queue(channel), f"{channel}.urgent"),
            (light_queue(channel), light_key(channel)),
        )
    ]
    failed = Queue(FAILED_QUEUE, (Binding(WORK_EXCHANGE, FAILED_KEY),))
    return Topology(
        direct_exchanges=(WORK_EXCHANGE,),
        topic_exchanges=(EVENTS_EXCHANGE,),
        queues=(*work, failed),
        delays=tuple(sorted({*retry_delays, *LADDER})),
        dead_letter_key=FAILED_KEY,
        delay_exchange=RETRY_EXCHANGE,
        delay_queue=RETRY_QUEUE,
    )


def topology_of(settings: QueueSettings) -> Topology:
    """The topology for `settings`: every channel's retry delays, and the limits of the work queues."""
    return build_topology(
        retry_delays={delay for channel in Channel for delay in settings.delays(channel)},
        message_ttl=settings.queue_message_ttl,
        max_length=settings.queue_max_length,
    )


def next_delay(wait: timedelta, delays: Sequence[timedelta]) -> timedelta:
    """The longest of the sorted `delays` that does not exceed `wait`, else the shortest.

    Repeated for the remaining time, it delivers a message at most one shortest delay late and never early.
    """
    fitting = [delay for delay in delays if delay <= wait]
    return fitting[-1] if fitting else delays[0]
