"""When a notification is tried again."""

from collections.abc import Sequence
from datetime import timedelta

from angarium.contracts.durations import stored_retry_delays
from angarium.contracts.templates import CompiledTemplate

LONGEST_RETRY_AFTER = timedelta(hours=1)
"""A provider that asks for more is asked again after this."""


def delays_of(template: CompiledTemplate | None, configured: Sequence[timedelta]) -> Sequence[timedelta]:
    """The retry schedule: the template's own, else the channel's."""
    if template is None or template.retry_delays is None:
        return configured
    return stored_retry_delays(template.retry_delays)


def retry_wait(attempt: int, delays: Sequence[timedelta], after: timedelta | None) -> timedelta | None:
    """How long to wait after attempt number `attempt` (from 1); None: the retries are used up.

    Never sooner than the provider asked (`after`).
    """
    if attempt > len(delays):
        return None
    asked = min(after, LONGEST_RETRY_AFTER) if after else timedelta(0)
    return max(delays[attempt - 1], asked)
