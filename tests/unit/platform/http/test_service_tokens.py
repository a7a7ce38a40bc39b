"""Every service counts the service tokens that it refuses."""

import io

import httpx2
import pytest

from angarium.platform.telemetry.metrics import Metrics
from tests.unit.platform.http.conftest import TOKEN, Build, client_of, logged


async def _asked(client: httpx2.AsyncClient, path: str, token: str) -> int:
    return (await client.get(path, headers={"x-service-token": token})).status_code


@pytest.mark.parametrize("fast_paths", [True, False])
async def test_a_refused_token_is_counted_and_logged(
    build: Build, metrics: Metrics, log: io.StringIO, *, fast_paths: bool
) -> None:
    async with client_of(build(fast_paths=fast_paths)) as client:
        assert await _asked(client, "/api/v1/internal/thing", TOKEN) == 200
        assert b"angarium_service_tokens_refused_total 0.0" in metrics.render()
        assert await _asked(client, "/api/v1/internal/thing", "wrong-token") == 401
        assert await _asked(client, "/api/v1/me", "wrong-token") == 401
    assert b"angarium_service_tokens_refused_total 2.0" in metrics.render()
    assert [line["event"] for line in logged(log)].count("auth.service_token_refused") == 1
    assert "wrong-token" not in log.getvalue()
