"""Counts hits and misses of in-process caches."""

from collections.abc import Callable
from typing import NamedTuple

from angarium.platform.telemetry.metrics import Metrics


class Counts(NamedTuple):
    """Counts a look-up: `hit` if it was cached, otherwise `miss`."""

    hit: Callable[[], object]
    miss: Callable[[], object]


def look_up_counts(cache: str, metrics: Metrics | None) -> Counts:
    """A counter of look-ups in `cache_requests_total`."""
    if metrics is None:
        return Counts(_no_count, _no_count)
    requests = metrics.cache_requests_total
    return Counts(requests.labels(cache, "hit").inc, requests.labels(cache, "miss").inc)


def _no_count() -> None:
    return None
