"""The plain paths."""

import asyncio
from typing import Any

import httpx2
import pytest
from prometheus_client import CollectorRegistry

from angarium.platform.http import health as health_module
from angarium.platform.http.health import Health, probe_app
from angarium.platform.telemetry.metrics import Metrics
from tests.unit.platform.http.conftest import client_of


async def up() -> bool:
    return True


async def down() -> bool:
    return False


async def broken() -> bool:
    message = "no route"
    raise OSError(message)


async def hung() -> bool:
    await asyncio.Event().wait()
    return True


async def get(path: str, checks: Any, **options: Any) -> httpx2.Response:
    metrics = Metrics(CollectorRegistry())
    async with client_of(probe_app(Health("email", "0.1.0", checks, **options), metrics)) as client:
        return await client.get(path)


async def test_health_says_that_it_lives_whatever_is_down() -> None:
    answer = await get("/health", {"database": broken})
    assert answer.status_code == 200
    assert answer.json() == {"status": "healthy", "service": "email", "version": "0.1.0"}


async def test_ready_when_everything_is_up() -> None:
    answer = await get("/ready", {"database": up, "broker": up})
    assert answer.status_code == 200
    assert answer.json() == {"status": "ready", "dependencies": {"database": "up", "broker": "up"}}


@pytest.mark.parametrize("check", [down, broken])
async def test_not_ready_names_what_is_down(check: Any) -> None:
    answer = await get("/ready", {"database": up, "broker": check})
    assert answer.status_code == 503
    assert answer.json() == {"status": "not_ready", "dependencies": {"database": "up", "broker": "down"}}


async def test_a_check_that_hangs_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health_module, "CHECK_SECONDS", 0.01)
    answer = await get("/ready", {"database": hung, "broker": hung, "cache": up})
    assert answer.json()["dependencies"] == {"database": "down", "broker": "down", "cache": "up"}


async def test_what_is_optional_is_shown_and_no_more() -> None:
    answer = await get("/ready", {"database": up, "cache": down}, optional=frozenset({"cache"}))
    assert answer.status_code == 200
    assert answer.json()["dependencies"]["cache"] == "down"


async def test_metrics_are_prometheus_text() -> None:
    answer = await get("/metrics", {})
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert "# TYPE angarium_dead_letters gauge" in answer.text


async def test_probes_have_nothing_else() -> None:
    assert (await get("/docs", {})).status_code == 404
