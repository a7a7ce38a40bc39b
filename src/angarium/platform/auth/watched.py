"""Counts and logs refused service tokens."""

from collections.abc import Mapping

from angarium.contracts.errors import Unauthorized
from angarium.platform.auth.caller import SERVICE_TOKEN_HEADER, Authenticator, Caller
from angarium.platform.clock import Clock
from angarium.platform.telemetry.logging import Logger
from angarium.platform.telemetry.metrics import Metrics
from angarium.platform.telemetry.reminder import Reminder


class WatchedAuthenticator:
    """Implements `Authenticator` around another one, whose answers and errors it passes on.

    Counts each refused request that has an `X-Service-Token`. Logs the first one, then repeats at increasing intervals,
    without the token: it may be the valid token of another environment.
    """

    def __init__(self, inner: Authenticator, *, clock: Clock, logger: Logger, metrics: Metrics) -> None:
        self._inner = inner
        self._logger = logger
        self._refused = metrics.service_tokens_refused_total
        self._reminder = Reminder(clock)

    async def authenticate(self, headers: Mapping[str, str]) -> Caller:
        try:
            return await self._inner.authenticate(headers)
        except Unauthorized:
            if SERVICE_TOKEN_HEADER in headers:
                self._refused.inc()
                if self._reminder.due("refused"):
                    self._logger.warning("auth.service_token_refused")
            raise
