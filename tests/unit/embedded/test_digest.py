"""Provoked faults of senders: the digest's first line names each, the API explains, and an operator's act helps."""

import asyncio
import io
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any

import httpx2
import pytest

from angarium.delivery.process import keep_delivering
from angarium.delivery.reputation import ReputationGuard
from angarium.embedded.composition import EmbeddedSettings, open_embedded
from angarium.platform.telemetry.logging import make_logger
from angarium.testing.smtp.server import SmtpServer
from tests.support.wait import until

pytestmark = pytest.mark.slow
KEY = "ang_live_of_these_tests"
FINDING = re.compile(r'<li class="finding (\w+)">.*?<h3>(.*?)</h3>(.*?)</li>', re.DOTALL)


@dataclass
class Whole:
    """A running system, with a client of its API and an operator's browser."""

    client: httpx2.AsyncClient
    browser: httpx2.AsyncClient
    log: io.StringIO

    async def send(self, address: str, **fields: Any) -> str:
        body = {
            "notification_type": "email",
            "template_code": "hello",
            "recipient": {"email": address},
            **fields,
        }
        answer = await self.client.post("/api/v1/notifications", json=body)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["data"]["notification_id"])

    async def read(self, path: str) -> Any:
        answer = await self.client.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    async def becomes(self, notification_id: str, status: str) -> None:
        async def reached() -> bool:
            return str((await self.read(f"/api/v1/notifications/{notification_id}"))["status"]) == status

        await until(reached, 30, message=f"never became {status}")

    async def provider(self) -> dict[str, Any]:
        rows = await self.read("/api/v1/providers?limit=100")
        return next((row for row in rows if row["channel"] == "email"), {})

    async def first_finding(self) -> tuple[str, str, str]:
        """Severity, title and the rest of the digest's first line."""
        page = await self.browser.get("/", headers={"accept": "text/html"})
        assert page.status_code == 200, page.text
        found = FINDING.search(page.text)
        return (found[1], unescape(found[2]), unescape(found[3])) if found else ("", "", "")

    async def digest_begins_with(self, words: str) -> tuple[str, str, str]:
        async def named() -> bool:
            return words in (await self.first_finding())[1]

        await until(named, 30, message=f"the digest does not begin with {words}")
        return await self.first_finding()

    async def why(self, notification_id: str, words: str) -> dict[str, Any]:
        """The explanation, once it has these words."""

        async def explained() -> bool:
            return words in (await self.read(f"/api/v1/notifications/{notification_id}/why"))["summary"]

        await until(explained, 30, message=f"the explanation never says {words}")
        found: dict[str, Any] = await self.read(f"/api/v1/notifications/{notification_id}/why")
        return found


@asynccontextmanager
async def whole(folder: Path, providers: str, **settings: Any) -> AsyncIterator[Whole]:
    """The system in this process, delivering through `providers` of email."""
    log, stop = io.StringIO(), asyncio.Event()
    loaded = EmbeddedSettings.load(
        data_dir=folder, mailbox_smtp_port=0, api_key=KEY, service_token="s" * 20, email_providers=providers, **settings
    )
    logger = make_logger("test", level="info", format="json", stream=log)
    async with open_embedded(loaded, logger=logger) as system, asyncio.TaskGroup() as tasks:
        for engine in system.engines:
            tasks.create_task(keep_delivering(engine, system.parts, stop))
        transport = httpx2.ASGITransport(app=system.app)
        async with (
            httpx2.AsyncClient(transport=transport, base_url="http://localhost", headers={"x-api-key": KEY}) as client,
            httpx2.AsyncClient(transport=transport, base_url="http://localhost") as browser,
        ):
            try:
                template = {"code": "hello", "subject": "Hello", "html": "<p>Hello</p>"}
                assert (await client.post("/api/v1/templates", json=template)).status_code == 201
                signed_in = await browser.post(f"/dashboard/sign-in/{system.sign_in_link()}")
                assert signed_in.status_code == 303, signed_in.text
                yield Whole(client, browser, log)
            finally:
                stop.set()


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks come soon after each other."""
    monkeypatch.setattr(ReputationGuard, "pause", 0.1)
    monkeypatch.setattr("angarium.delivery.reputation.FIRST_HOLD", timedelta(milliseconds=250))
    monkeypatch.setattr("angarium.delivery.breakers.keeper.IDLE_INTERVAL", 0.2)
    monkeypatch.setattr("angarium.services.gateway.dashboard.overview.use_cases.SYSTEM_SECONDS", 0.1)


async def test_bounces_at_12_percent_are_the_first_line(tmp_path: Path) -> None:
    async with whole(tmp_path, "sandbox://") as system:
        for number in range(25):
            await system.send(f"{'bounce' if number in {8, 16, 24} else 'ann'}+{number}@example.com")
        severity, title, rest = await system.digest_begins_with("Bounces of sandbox (email) are at 12%")
        assert (severity, title) == ("warning", "Bounces of sandbox (email) are at 12%")
        assert "3 of 25 sends of the last 24 hours" in rest
        assert "angarium suppressions list --reason hard_bounce" in rest
        reputation = (await system.provider())["reputation"]
        assert (reputation["state"], reputation["bounce_rate"]) == ("active", 0.12)


async def test_a_paused_sender_is_named_holds_marketing_alone_and_an_operator_resumes_it(tmp_path: Path) -> None:
    async with whole(tmp_path, "sandbox://", reputation_sends=20) as system:
        for number in range(25):
            await system.send(f"{'bounce' if number in {8, 16, 24} else 'ann'}+{number}@example.com")

        async def urgent() -> bool:
            severity, title, _ = await system.first_finding()
            return severity == "critical" and title == "Bounces of sandbox (email) are at 12%"

        await until(urgent, 30)
        _, _, rest = await system.first_finding()
        assert "angarium providers resume sandbox --channel email" in rest
        assert "sender.paused" in system.log.getvalue()
        held = await system.send("ann@example.com", category="marketing")
        await system.becomes(await system.send("ann@example.com", category="orders"), "sent")
        why = await system.why(held, "Waits, since sandbox has sent no marketing since ")
        assert "sends in 24 h bounced (" in why["summary"]
        assert "%, limit 5%). It goes on when the rates are well below the limits" in why["summary"]
        assert ("reputation", "paused") in [(one["check"], one["result"]) for one in why["decisions"]]

        async def told() -> bool:
            events = await system.read(f"/api/v1/notifications/{held}/events")
            return any(event["event"] == "held" for event in events)

        await until(told, 30)
        view = await system.read(f"/api/v1/notifications/{held}")
        assert (view["status"], view["attempts"]) == ("pending", 0)
        path = f"/api/v1/providers/{(await system.provider())['provider_id']}/reputation"
        answer = await system.client.post(path, json={"state": "auto"})
        assert answer.status_code == 200, answer.text
        assert answer.json()["data"]["reputation"]["state"] == "active"
        await system.becomes(held, "sent")
        actions = [entry["action"] for entry in await system.read("/api/v1/audit?limit=100")]
        assert "provider.reputation_auto" in actions


async def test_refused_credentials_are_the_first_line_and_explained(tmp_path: Path) -> None:
    async with SmtpServer(login=("ann", "right")) as server:
        url = f"smtp://ann:wrong@127.0.0.1:{server.port}?tls=off"
        async with whole(tmp_path, url) as system:
            waiting = await system.send("bob@example.com")
            severity, title, rest = await system.digest_begins_with("refuses our credentials or account")
            assert (severity, title) == ("critical", "Provider smtp (email) refuses our credentials or account")
            assert "535" in rest
            assert "angarium providers test smtp --channel email --to ADDRESS --watch" in rest
            why = await system.why(waiting, "smtp is not used: its circuit breaker has been open since ")
            assert "refused us: 535" in why["summary"]
            assert "It is tried again at " in why["summary"]
            assert ("breaker", "open") in [(one["check"], one["result"]) for one in why["decisions"]]


async def test_a_provider_that_is_down_is_the_first_line_and_explained(tmp_path: Path) -> None:
    async with SmtpServer() as server:
        url = f"smtp://127.0.0.1:{server.port}?tls=off"
    async with whole(tmp_path, url, retry_delays="100ms,100ms,100ms,100ms,100ms,5m") as system:
        made = [await system.send("bob@example.com") for _ in range(6)]
        severity, _, rest = await system.digest_begins_with("Provider smtp (email) is not used")
        assert severity == "critical"
        assert "connection failures in a row" in rest
        for waiting in made:
            why = await system.why(waiting, "smtp is not used: its circuit breaker has been open since ")
            assert "connection failures in a row" in why["summary"]
