"""All metrics of Angarium, on a registry that is passed in."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Generic, TypeVar

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)

from angarium.platform.telemetry.merging import merged

ChildT = TypeVar("ChildT")

_REQUEST_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_DELIVERY_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 3600)

Beside = Callable[[], Awaitable[Mapping[str, bytes]]]
"""Returns the expositions of the other processes, by their names."""


class Metrics:
    """The metrics as attributes, with the names that Prometheus scrapes, without the prefix `angarium_`."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        # text format 0.0.4 exposes a counter's creation time as a separate series, which nothing reads
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = registry = registry or CollectorRegistry(auto_describe=True)
        self.beside: Beside | None = None
        self.http_requests_total = Counter(
            "angarium_http_requests",
            "Requests answered.",
            ["service", "method", "route", "status"],
            registry=registry,
        )
        self.http_request_duration_seconds = Histogram(
            "angarium_http_request_duration_seconds",
            "From the head of the request to the end of the response.",
            ["service", "method", "route"],
            buckets=_REQUEST_BUCKETS,
            registry=registry,
        )
        self.rate_limited_total = Counter("angarium_rate_limited", "Requests refused by rate.", registry=registry)
        self.service_tokens_refused_total = Counter(
            "angarium_service_tokens_refused", "Requests with a refused service token.", registry=registry
        )
        self.notifications_accepted_total = Counter(
            "angarium_notifications_accepted", "Notifications made durable.", ["channel"], registry=registry
        )
        self.notifications_finished_total = Counter(
            "angarium_notifications_finished", "Notifications that ended.", ["channel", "status"], registry=registry
        )
        self.accept_to_sent_seconds = Histogram(
            "angarium_accept_to_sent_seconds",
            "From acceptance until the provider accepted the message.",
            ["channel"],
            buckets=_DELIVERY_BUCKETS,
            registry=registry,
        )
        self.attempts_total = Counter(
            "angarium_attempts", "Attempts by outcome.", ["provider", "outcome"], registry=registry
        )
        self.provider_duration_seconds = Histogram(
            "angarium_provider_duration_seconds",
            "How long a provider took to answer.",
            ["provider"],
            buckets=_REQUEST_BUCKETS,
            registry=registry,
        )
        self.breaker_state = Gauge(
            "angarium_breaker_state",
            "Circuit breaker: 0 closed, 1 half open, 2 open.",
            ["provider"],
            registry=registry,
        )
        self.sender_paused = Gauge(
            "angarium_sender_paused",
            "Whether a sender's marketing is paused: 0 or 1.",
            ["channel", "provider"],
            registry=registry,
        )
        self.sender_rate = Gauge(
            "angarium_sender_rate",
            "Share of bounces and of complaints among a sender's sends of 24 hours: 0 to 1.",
            ["channel", "provider", "kind"],
            registry=registry,
        )
        self.slots_held = Gauge(
            "angarium_slots_held",
            "Slots of a worker that a lane holds.",
            ["channel", "lane"],
            registry=registry,
        )
        self.largest_tenant_share = Gauge(
            "angarium_largest_tenant_share",
            "Largest share of a shared limit that one tenant uses: 0 to 1.",
            ["resource"],
            registry=registry,
        )
        self.queue_messages = Gauge("angarium_queue_messages", "Messages ready.", ["queue"], registry=registry)
        self.queue_consumers = Gauge(
            "angarium_queue_consumers", "Consumers of a queue, of all workers.", ["queue"], registry=registry
        )
        self.queue_oldest_age_seconds = Gauge(
            "angarium_queue_oldest_age_seconds",
            "How long the oldest work of a queue has been due.",
            ["queue"],
            registry=registry,
        )
        self.outbox_pending = Gauge("angarium_outbox_pending", "Outbox rows not yet confirmed.", registry=registry)
        self.dead_letters = Gauge("angarium_dead_letters", "Dead letters on the list.", registry=registry)
        self.cache_requests_total = Counter(
            "angarium_cache_requests", "Cache lookups.", ["cache", "result"], registry=registry
        )

        self.receipts_total = Counter(
            "angarium_receipts", "Receipts of providers, repetitions included.", ["provider", "kind"], registry=registry
        )
        self.receipt_requests_total = Counter(
            "angarium_receipt_requests",
            "Requests with receipts: taken, refused (token or signature), unreadable.",
            ["provider", "result"],
            registry=registry,
        )
        self.retention_rows_total = Counter(
            "angarium_retention_rows",
            "Rows deleted (prune) or redacted by age.",
            ["task", "table"],
            registry=registry,
        )

    def render(self) -> bytes:
        """The exposition text (Prometheus text format 0.0.4) of this process."""
        return generate_latest(self.registry)

    async def exposition(self) -> bytes:
        """The exposition text of this process, merged with those of `beside`."""
        return self.render() if self.beside is None else merged(self.render(), await self.beside())


class Children(dict[tuple[str, ...], ChildT], Generic[ChildT]):
    """A metric's children by the values of its labels. `labels` is called once for each combination."""

    def __init__(self, labels: Callable[..., ChildT]) -> None:
        super().__init__()
        self._labels = labels

    def __missing__(self, values: tuple[str, ...]) -> ChildT:
        child = self[values] = self._labels(*values)
        return child
