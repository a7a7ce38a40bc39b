"""Counts how often a copy in the process spared a question."""

from collections.abc import Callable

from angarium.platform.telemetry.metrics import Metrics


def look_up_counts(cache: str, metrics: Metrics | None) -> tuple[Callable[[], object], Callable[[], object]]:
    """What counts a miss, and what counts a hit, in `cache_requests_total`."""
    if metrics is None:
        return _no_count, _no_count
    requests = metrics.cache_requests_total
    return requests.labels(cache, "miss").inc, requests.labels(cache, "hit").inc


def _no_count() -> None:
    return None
