"""Refused service tokens are counted and logged, without the token."""

import io
from collections.abc import Mapping

import pytest
from prometheus_client import CollectorRegistry

from angarium.contracts.errors import Unauthorized
from angarium.platform.auth.caller import Caller
from angarium.platform.auth.service_token import ServiceTokens
from angarium.platform.auth.watched import WatchedAuthenticator
from angarium.platform.telemetry.logging import make_logger
from angarium.platform.telemetry.metrics import Metrics
from tests.support.clock import ManualClock

WRONG = {"x-service-token": "guess-of-a-secret"}


class Services:
    async def authenticate(self, headers: Mapping[str, str]) -> Caller:
        caller = ServiceTokens("good").authenticate(headers)
        if caller is None:
            raise Unauthorized
        return caller


async def test_refused_tokens_are_counted_and_logged_at_increasing_intervals() -> None:
    log, clock, metrics = io.StringIO(), ManualClock(), Metrics(CollectorRegistry())
    watched = WatchedAuthenticator(Services(), clock=clock, logger=make_logger("s", stream=log), metrics=metrics)
    assert (await watched.authenticate({"x-service-token": "good"})).name == "service"
    for _ in range(12):
        with pytest.raises(Unauthorized):
            await watched.authenticate(WRONG)
        await clock.advance(1)
    with pytest.raises(Unauthorized):
        await watched.authenticate({"x-api-key": "wrong"})
    assert b"angarium_service_tokens_refused_total 12.0" in metrics.render()
    assert log.getvalue().count("auth.service_token_refused") == 2
    assert "guess" not in log.getvalue()
