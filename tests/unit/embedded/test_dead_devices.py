"""A dead token's device is removed by the users service of the same process."""

import io
from pathlib import Path
from uuid import UUID

import httpx2
import pytest

from angarium.contracts.statuses import Channel, DeliveryPolicy
from angarium.delivery.outcome import Permanent
from angarium.delivery.provider import Address
from angarium.embedded.composition import EmbeddedSettings, open_embedded
from angarium.notifications.model import Claimed
from angarium.platform.telemetry.logging import make_logger
from tests.support.wait import until

pytestmark = pytest.mark.slow
KEY = "ang_live_of_these_tests"


def claim(user_id: str) -> Claimed:
    return Claimed(
        id=UUID(int=7), claim_token=UUID(int=8), attempt=1, tenant="default", request_id="r", channel=Channel.PUSH,
        user_id=user_id, recipient=None, template_code="t", template_version=1, locale="en", category=None, priority=5,
        variables={}, correlation_id="c", traceparent=None, policy=DeliveryPolicy.AT_LEAST_ONCE, expired=False,
        expires_at=None, created_at=None,  # type: ignore[arg-type]  # not looked at
    )  # fmt: skip


async def test_the_device_of_a_dead_token_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("angarium.delivery.devices.HOLD", 0.0)
    settings = EmbeddedSettings.load(data_dir=tmp_path, mailbox_smtp_port=0, api_key=KEY, service_token="s" * 20)
    logger = make_logger("test", level="error", format="json", stream=io.StringIO())
    async with (
        open_embedded(settings, logger=logger) as system,
        httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=system.app), base_url="http://angarium", headers={"x-api-key": KEY}
        ) as client,
    ):
        answer = await client.post("/api/v1/users", json={"name": "Ann", "push_token": "dead"})
        path = f"/api/v1/users/{answer.json()['data']['user_id']}/devices"
        await client.post(path, json={"platform": "fcm", "token": "alive"})

        async def devices() -> dict[str, str]:
            return {one["token"]: one["device_id"] for one in (await client.get(path)).json()["data"]}

        async def gone() -> bool:
            return "dead" not in await devices()

        dead = Address("dead", platform="fcm", device_id=UUID((await devices())["dead"]))
        assert system.parts.devices is not None
        user_id = answer.json()["data"]["user_id"]
        system.parts.devices.answered("fcm", claim(user_id), dead, Permanent("404 UNREGISTERED", suppress=True))
        await until(gone)
        assert list(await devices()) == ["alive"]
