"""The plain paths."""

import asyncio
from typing import Any

import httpx2
import pytest
from prometheus_client import CollectorRegistry

from angarium.platform.http.frame import health as health_module
from angarium.platform.http.frame.health import Health, probe_app
from angarium.platform.telemetry.metrics import Metrics
from tests.unit.platform.http.conftest import client_of


async def up() -> None:
    return None


async def down() -> str:
    return "the disk is full"


async def broken() -> str | None:
    message = "no route"
    raise OSError(message)


async def hung() -> str | None:
    await asyncio.Event().wait()
    return None


async def get(path: str, checks: Any, **options: Any) -> httpx2.Response:
    metrics = Metrics(CollectorRegistry())
    async with client_of(probe_app(Health("email", "0.1.0", checks, **options), metrics)) as client:
        return await client.get(path)


async def test_health_says_that_it_lives_whatever_is_down() -> None:
    answer = await get("/health", {"database": broken})
    assert answer.status_code == 200
    assert answer.json() == {"status": "healthy", "service": "email", "version": "0.1.0"}


@pytest.mark.parametrize("prefix", ["/api", "/api/v1"])
async def test_other_clients_find_the_probes_below_their_base_url(prefix: str) -> None:
    for path in ("/health", "/ready"):
        there, here = await get(prefix + path, {"database": down}), await get(path, {"database": down})
        assert (there.status_code, there.json()) == (here.status_code, here.json())
    assert (await get(f"{prefix}/metrics", {})).status_code == 404


async def test_ready_when_everything_is_up() -> None:
    answer = await get("/ready", {"database": up, "broker": up})
    assert answer.status_code == 200
    assert answer.json() == {"status": "ready", "dependencies": {"database": "up", "broker": "up"}, "reasons": {}}


@pytest.mark.parametrize(
    ("check", "reason"), [(down, "the disk is full"), (broken, "the check failed (OSError)")], ids=["down", "broken"]
)
async def test_not_ready_names_what_is_down_and_why(check: Any, reason: str) -> None:
    answer = await get("/ready", {"database": up, "broker": check})
    assert answer.status_code == 503
    assert answer.json() == {
        "status": "not_ready",
        "dependencies": {"database": "up", "broker": "down"},
        "reasons": {"broker": reason},
    }


async def test_pollers_share_a_check() -> None:
    calls = 0

    async def counted() -> None:
        nonlocal calls
        calls += 1
        await asyncio.sleep(0)

    health = Health("email", "0.1.0", {"database": counted})
    await asyncio.gather(*(health.problems() for _ in range(20)))
    await health.problems()
    assert calls == 1


async def test_a_poller_that_leaves_does_not_end_the_check_of_others() -> None:
    gate = asyncio.Event()

    async def gated() -> None:
        await gate.wait()

    health = Health("email", "0.1.0", {"database": gated})
    leaving, staying = asyncio.create_task(health.problems()), asyncio.create_task(health.problems())
    await asyncio.sleep(0)
    leaving.cancel()
    gate.set()
    assert await staying == {"database": None}


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
