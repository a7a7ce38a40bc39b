"""A caller's rate-limit state after a call, and its header fields."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from angarium.platform.settings.values import RateLimit


@dataclass(frozen=True, slots=True)
class Standing:
    """`remaining` calls are possible now; `reset`: seconds until there are more."""

    limit: RateLimit
    remaining: int
    reset: float

    def headers(self) -> Mapping[str, str]:
        """RateLimit header fields (draft-ietf-httpapi-ratelimit-headers-07)."""
        period = math.ceil(self.limit.period.total_seconds())
        return {
            "ratelimit-limit": str(self.limit.count),
            "ratelimit-remaining": str(max(0, self.remaining)),
            "ratelimit-reset": str(max(1, math.ceil(self.reset))),
            "ratelimit-policy": f"{self.limit.count};w={period}",
        }

    def raw_headers(self) -> Sequence[tuple[bytes, bytes]]:
        """The same fields in ASGI's form."""
        return [(name.encode(), value.encode()) for name, value in self.headers().items()]
