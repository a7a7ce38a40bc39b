"""What providers post to the gateway: who is let in, what is durable, what follows for notifications and addresses."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest
from sqlalchemy import func, select, update

from angarium.channels.receiving import NotSigned, Posted
from angarium.channels.sources import build_sources
from angarium.contracts.errors import SettingsError
from angarium.contracts.statuses import Status
from angarium.delivery.settings import ProviderSettings
from angarium.notifications.model import Event, Result
from angarium.notifications.store.schema import receipts
from angarium.notifications.suppressions.consent import Consented
from angarium.platform.clock import SystemClock
from angarium.platform.database.engine import reading, writing
from angarium.services.gateway.provider_webhooks.use_cases import WebhookRules
from angarium.services.gateway.settings import GatewaySettings
from tests.support import provider_events
from tests.support.provider_events import AUTH_TOKEN, SECRET, Signed, sendgrid_webhook_key
from tests.unit.services.gateway.conftest import PATH, World, error_of

pytestmark = pytest.mark.slow
TOKEN = "token-of-the-tests"
PUBLIC = "https://notify.example.com"
ADA, PHONE = "ada@example.com", "+14155550123"
PROVIDERS = {
    "email_providers": f"sendgrid://KEY@api?webhook_key={sendgrid_webhook_key().replace('+', '%2B')}",
    "sms_providers": f"twilio://AC0123:{AUTH_TOKEN}@+15005550006,vonage://K:S@14155550100?webhook_key={SECRET}",
}


async def _fetch(url: str) -> bytes:
    raise AssertionError(url)


@pytest.fixture
def webhooks() -> WebhookRules:
    settings = ProviderSettings.load(**PROVIDERS)
    return WebhookRules(sources=build_sources(settings, SystemClock(), _fetch), token=TOKEN, public_url=PUBLIC)


class Life:
    """One email that SendGrid took."""

    def __init__(self, world: World, notification_id: str) -> None:
        self.world = world
        self.id = notification_id
        self.token = uuid4()
        self.message = f"sg-{notification_id}"
        self.events = 0

    async def claim(self) -> None:
        await self.world.store.claim([UUID(self.id)], token=self.token, lease=timedelta(seconds=20), worker="w-1")

    async def record(self, status: Status = Status.SENT) -> None:
        events = (Event(str(status), self.world.gateway.parts.runtime.clock.now(), {"status": str(status)}),)
        result = Result(
            id=UUID(self.id),
            claim_token=self.token,
            status=status,
            events=events,
            provider="sendgrid",
            provider_message_id=self.message,
        )
        assert await self.world.store.record([result]) == [True]

    async def sent(self) -> None:
        await self.claim()
        await self.record()

    async def says(self, name: str, *, reference: bool = False, **fields: Any) -> Mapping[str, Any]:
        """Post an event of this mail, and apply what is due."""
        self.events += 1
        event = {
            "event": name,
            "email": ADA,
            "timestamp": 1_790_000_000 + self.events,
            "sg_event_id": f"{self.id}-{self.events}",
            "sg_message_id": f"{self.message}.recvd-0",
            **({"notification_id": self.id} if reference else {}),
            **fields,
        }
        assert (await post(self.world, "sendgrid", provider_events.sendgrid(event))).status_code == 200
        await apply(self.world)
        return event

    async def bounces(self, status: str = "5.1.1", **fields: Any) -> Mapping[str, Any]:
        return await self.says("bounce", type="bounce", status=status, reason=f"550 {status} <{ADA}> no", **fields)

    async def status(self) -> str:
        return str((await self.view())["status"])

    async def view(self) -> dict[str, Any]:
        data: dict[str, Any] = (await self.world.client.get(f"{PATH}/{self.id}")).json()["data"]
        return data

    async def timeline(self) -> list[str]:
        answer = await self.world.client.get(f"{PATH}/{self.id}/events")
        return [event["event"] for event in answer.json()["data"]]


@pytest.fixture
async def life(world: World) -> Life:
    return await another(world)


async def another(world: World) -> Life:
    sent = await world.send(user_id=None, recipient={"email": ADA}, request_id=str(uuid4()))
    return Life(world, sent.json()["data"]["notification_id"])


async def post(world: World, provider: str, signed: Signed, token: str = TOKEN, query: str = "") -> httpx2.Response:
    headers, body = signed
    path = f"/webhooks/{provider}/{token}{query}"
    return await world.client.post(path, content=body, headers={**headers, "x-api-key": ""})


async def apply(world: World) -> None:
    await world.gateway.provider_webhooks.applying.once()


async def waiting(world: World) -> int:
    async with reading(world.engine) as connection:
        query = select(func.count()).select_from(receipts).where(receipts.c.due_at.is_not(None))
        return (await connection.scalar(query)) or 0


async def let_time_pass(world: World) -> None:
    """Receipts that wait are due."""
    async with writing(world.engine) as connection:
        due = update(receipts).where(receipts.c.due_at.is_not(None))
        await connection.execute(due.values(due_at=SystemClock().now() - timedelta(seconds=1)))


async def suppressed(world: World) -> list[tuple[str, str, str]]:
    entries = (await world.client.get("/api/v1/suppressions")).json()["data"]
    return [(entry["address"], entry["reason"], entry["source"]) for entry in entries]


@pytest.mark.parametrize("reference", [True, False])
async def test_a_delivery_moves_the_notification_named_by_either_id(life: Life, reference: bool) -> None:
    await life.sent()
    await life.says("delivered", reference=reference)
    view = await life.view()
    assert (view["status"], view["delivered_at"]) == ("delivered", "2026-09-21T14:13:21Z")
    assert (await life.timeline()).count("delivered") == 1


async def test_a_hard_bounce_fails_without_a_dead_letter_and_suppresses(life: Life) -> None:
    await life.sent()
    await life.bounces()
    view = await life.view()
    assert (view["status"], view["reason"]["code"]) == ("failed", "bounced")
    assert ADA not in view["reason"]["message"]
    assert (await life.world.client.get("/api/v1/dead-letters")).json()["data"] == []
    assert await suppressed(life.world) == [(ADA, "hard_bounce", "sendgrid")]


async def test_a_bounce_of_our_infrastructure_suppresses_no_address(life: Life) -> None:
    await life.sent()
    await life.bounces("5.7.1")
    assert (await life.status(), await suppressed(life.world)) == ("failed", [])


async def test_a_complaint_is_an_event_and_suppresses(life: Life) -> None:
    await life.sent()
    await life.says("delivered")
    await life.says("spamreport")
    assert (await life.status(), await suppressed(life.world)) == ("delivered", [(ADA, "complaint", "sendgrid")])
    assert (await life.timeline())[-1] == "complained"


async def test_a_bounce_after_the_delivery_is_an_event_and_suppresses(life: Life) -> None:
    await life.sent()
    await life.says("delivered")
    await life.bounces()
    assert (await life.status(), await suppressed(life.world)) == ("delivered", [(ADA, "hard_bounce", "sendgrid")])
    assert (await life.timeline())[-2:] == ["delivered", "bounced"]


async def test_five_consecutive_soft_bounces_suppress_and_a_delivery_resets_the_count(world: World) -> None:
    for name in ("bounce",) * 4 + ("delivered",) + ("bounce",) * 5:
        assert await suppressed(world) == []
        life = await another(world)
        await life.sent()
        await life.says(name, type="bounce", status="5.2.2", reason="552 mailbox full")
    assert await suppressed(world) == [(ADA, "soft_bounce", "sendgrid")]


async def test_the_same_event_again_counts_once(life: Life) -> None:
    await life.sent()
    for _ in range(6):
        await life.says("bounce", sg_event_id="one", timestamp=1_790_000_000, type="bounce", status="5.2.2")
    assert await suppressed(life.world) == []
    assert (await life.timeline()).count("failed") == 1


async def test_an_early_receipt_waits_for_the_result_and_suppresses_at_once(life: Life) -> None:
    await life.claim()
    await life.bounces(reference=True)
    await life.bounces(sg_event_id="by the provider's id alone")
    assert (await life.status(), await waiting(life.world)) == ("sending", 2)
    assert await suppressed(life.world) == [(ADA, "hard_bounce", "sendgrid")]
    await life.record()
    await let_time_pass(life.world)
    await apply(life.world)
    assert (await life.status(), await waiting(life.world)) == ("failed", 0)
    assert (await life.timeline()).count("failed") == 1


async def test_a_receipt_of_what_is_not_ours_is_put_aside(life: Life) -> None:
    await life.says("delivered", notification_id=str(uuid4()))
    assert await waiting(life.world) == 0
    assert len(life.world.lines("receipt.unmatched")) == 1


async def test_a_late_delivery_does_not_undo_a_bounce(life: Life) -> None:
    await life.sent()
    await life.bounces()
    await life.says("delivered")
    assert await life.status() == "failed"


async def test_a_delivery_answers_what_was_unknown(life: Life) -> None:
    await life.claim()
    await life.record(Status.UNKNOWN)
    await life.says("delivered", reference=True)
    assert await life.status() == "delivered"


async def test_the_address_is_forgotten_once_the_receipt_is_applied(life: Life) -> None:
    await life.sent()
    await life.bounces()
    async with reading(life.world.engine) as connection:
        [row] = (await connection.execute(select(receipts))).mappings().all()
    assert row["address"] is None
    assert ADA not in row["reason"]
    assert ADA not in life.world.log.getvalue()


@pytest.mark.parametrize(
    ("provider", "token", "status"),
    [("sendgrid", "other", 401), ("nothing", "other", 401), ("nothing", TOKEN, 404), ("smtp", TOKEN, 404)],
)
async def test_a_wrong_token_is_a_401_and_an_unknown_provider_a_404(
    world: World, provider: str, token: str, status: int
) -> None:
    answer = await post(world, provider, provider_events.sendgrid(), token)
    assert answer.status_code == status
    assert error_of(answer)["code"] == ("unauthorized" if status == 401 else "not_found")


async def test_a_wrong_signature_is_a_401_that_is_counted(world: World) -> None:
    headers, body = provider_events.sendgrid({"event": "delivered", "email": ADA})
    assert (await post(world, "sendgrid", (headers, body + b" "))).status_code == 401
    assert world.metrics.registry.get_sample_value(
        "angarium_receipt_requests_total", {"provider": "sendgrid", "result": "refused"}
    ) == pytest.approx(1)
    assert ADA not in world.log.getvalue()


async def test_a_body_may_have_two_megabytes_and_any_type(world: World) -> None:
    headers, body = provider_events.sendgrid({"event": "open", "x": "x" * 1_900_000})
    assert (await post(world, "sendgrid", ({**headers, "content-type": "text/plain"}, body))).status_code == 200
    assert (await post(world, "sendgrid", (headers, b" " * (2 * 1024 * 1024 + 1)))).status_code == 413


async def test_an_unreadable_body_that_is_signed_is_a_400_and_an_event_costs_no_other(life: Life) -> None:
    await life.sent()
    good = {"event": "delivered", "email": ADA, "sg_message_id": life.message}
    answer = await post(life.world, "sendgrid", provider_events.sendgrid({"no": "event"}, good))
    await apply(life.world)
    assert (answer.status_code, await life.status()) == (200, "delivered")
    signed = provider_events.twilio(f"{PUBLIC}/webhooks/twilio/{TOKEN}", {"MessageStatus": "delivered"})
    refused = await post(life.world, "twilio", signed)
    assert (refused.status_code, error_of(refused)["code"]) == (400, "validation_error")


async def test_metrics_count_receipts_by_kind(life: Life) -> None:
    await life.sent()
    await life.says("deferred")
    await life.says("delivered")
    for kind in ("deferred", "delivered"):
        labels = {"provider": "sendgrid", "kind": kind}
        assert life.world.metrics.registry.get_sample_value("angarium_receipts_total", labels) == pytest.approx(1)
    assert await waiting(life.world) == 0


@pytest.mark.parametrize("query", ["", "?utm=x&y=1"])
async def test_stop_suppresses_the_number_for_every_tenant_and_start_lifts_it(world: World, query: str) -> None:
    made = (await world.client.post("/api/v1/tenants", json={"tenant": "other"})).json()["data"]
    foreign = {"x-api-key": made["key"]}

    async def reply(text: str) -> httpx2.Response:
        fields = {"MessageSid": f"SM-{text}", "From": PHONE, "To": "+15005550006", "Body": text}
        signed = provider_events.twilio(f"{PUBLIC}/webhooks/twilio/{TOKEN}{query}", fields)
        return await post(world, "twilio", signed, query=query)

    stopped = await reply(" Stop! ")
    assert (stopped.status_code, stopped.headers["content-type"]) == (200, "text/xml; charset=utf-8")
    assert stopped.text.endswith("<Response></Response>")
    assert await suppressed(world) == [(PHONE, "opt_out", "twilio")]
    theirs = (await world.client.get("/api/v1/suppressions", headers=foreign)).json()["data"]
    assert [entry["address"] for entry in theirs] == [PHONE]
    await reply("please do not stop")
    await reply("HELP")
    assert len(await suppressed(world)) == 1
    await reply("start")
    await reply(" Stop! ")  # posted again: it was carried out before
    assert await suppressed(world) == []
    assert (await world.client.get("/api/v1/suppressions", headers=foreign)).json()["data"] == []


async def test_a_provider_that_does_not_answer_replies_is_answered_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered: list[tuple[str, Consented]] = []

    async def answer(_key: str, number: str, done: Consented) -> None:
        answered.append((number, done))

    rules = replace(world.gateway.parts.webhooks, answers={"vonage": answer})
    monkeypatch.setattr(world.gateway.provider_webhooks, "_rules", rules)
    for name in ("u-1", "u-1", "u-2"):
        event = {"message_uuid": name, "from": PHONE.lstrip("+"), "text": "help" if name == "u-2" else "stop"}
        assert (await post(world, "vonage", provider_events.vonage(event, SystemClock().now()))).status_code == 200
    await world.gateway.provider_webhooks.close()
    assert answered == [(PHONE, Consented.STOPPED), (PHONE, Consented.HELP)]


async def test_a_reply_of_a_short_code_changes_nothing_whatever_url_was_signed(world: World) -> None:
    fields = {"MessageSid": "SM1", "From": "12345", "To": "+15005550006", "Body": "STOP"}
    for url, status in ((PUBLIC, 200), ("http://gateway", 200), ("https://other.example", 401)):
        signed = provider_events.twilio(f"{url}/webhooks/twilio/{TOKEN}", fields)
        assert (await post(world, "twilio", signed)).status_code == status
    assert await suppressed(world) == []


async def test_receipts_are_pruned_after_a_week(life: Life) -> None:
    await life.sent()
    await life.says("delivered")
    now = SystemClock().now()
    assert await life.world.gateway.provider_webhooks.receipts.prune(now - timedelta(days=7)) == 0
    assert await life.world.gateway.provider_webhooks.receipts.prune(now + timedelta(seconds=1)) == 1


async def test_a_receipt_that_cannot_be_applied_stops_no_other(
    world: World, life: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = await another(world)
    move = world.store.move

    async def faulty(notification_id: UUID, **options: Any) -> Status | None:
        if notification_id == UUID(bad.id):
            raise OverflowError
        return await move(notification_id, **options)

    monkeypatch.setattr(world.store, "move", faulty)
    for one in (bad, life):
        await one.sent()
        await one.says("delivered")
    assert (await bad.status(), await life.status(), await waiting(world)) == ("sent", "delivered", 1)


async def test_a_scheme_selects_all_of_its_providers_whatever_their_names() -> None:
    keys = (SECRET, "another-signing-secret-0123456789")
    urls = ",".join(f"mailgun://K@d{at}.example?name=m{at}&webhook_key={key}" for at, key in enumerate(keys, start=1))
    sources = build_sources(ProviderSettings.load(email_providers=urls), SystemClock(), _fetch)
    assert sources.keys() == {"m1", "m2", "mailgun"}
    event = {"event": "delivered", "id": "e1", "recipient": ADA}
    headers, body = provider_events.mailgun(event, SystemClock().now())
    signed = Posted(headers, body)
    assert [one.provider for one in (await sources["mailgun"].read(signed)).receipts] == ["m1"]
    with pytest.raises(NotSigned):
        await sources["m2"].read(signed)
    with pytest.raises(NotSigned):
        await sources["mailgun"].read(Posted(headers, body.replace(b'"token": "a1', b'"token": "b1')))


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"email_providers": "smtp://h?webhook_key=x,sendgrid://KEY@api?webhook_key=x"}, "SendGrid"),
        ({"email_providers": "mailgun://K@d.example?name=a", "sms_providers": "twilio://S:T@+15?name=a"}, "named a"),
    ],
)
def test_duplicate_source_names_and_invalid_keys_stop_the_start(settings: dict[str, str], match: str) -> None:
    with pytest.raises(SettingsError, match=match):
        build_sources(ProviderSettings.load(**settings), SystemClock(), _fetch)


@pytest.mark.parametrize(
    "settings",
    [
        {"webhook_token": "a/b"},
        {"env": "production", "webhook_token": "change-me-please"},
        {"env": "production", "email_providers": "mailgun://K@d.example?webhook_key=x"},
    ],
)
def test_a_token_that_is_wrong_or_missing_stops_the_start(settings: dict[str, str]) -> None:
    more = {"push_providers": "", "sms_providers": "", "service_token": SECRET, "email_providers": "sandbox://"}
    with pytest.raises(SettingsError, match="ANGARIUM_WEBHOOK_TOKEN"):
        GatewaySettings.load(**{**more, **settings})
