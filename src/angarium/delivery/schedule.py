"""Retry delays."""

from collections.abc import Sequence
from datetime import timedelta

from angarium.contracts.durations import stored_retry_delays
from angarium.contracts.templates import CompiledTemplate

LONGEST_RETRY_AFTER = timedelta(hours=1)
"""Upper bound of a provider's requested delay."""


def delays_of(template: CompiledTemplate | None, configured: Sequence[timedelta]) -> Sequence[timedelta]:
    """The retry schedule: the template's, or the channel's."""
    if template is None or template.retry_delays is None:
        return configured
    return stored_retry_delays(template.retry_delays)


def retry_wait(attempt: int, delays: Sequence[timedelta], after: timedelta | None) -> timedelta | None:
    """The delay after attempt number `attempt` (from 1); None: no retries are left.

    Never shorter than the provider requested (`after`).
    """
    if attempt > len(delays):
        return None
    asked = min(after, LONGEST_RETRY_AFTER) if after else timedelta(0)
    return max(delays[attempt - 1], asked)
