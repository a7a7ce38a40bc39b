"""The B2B surface: its bodies, what they become, and its words."""

from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from angarium.contracts.notifications import NotificationView
from angarium.contracts.notifications import Reason as NotificationReason
from angarium.contracts.scopes import Scope
from angarium.contracts.statuses import Channel, Status
from angarium.directory.built_in.templates import WithBuiltIn
from angarium.notifications.letters import foreign_letter
from angarium.notifications.model import Claimed, Event, Reason, Result
from angarium.notifications.store.schema import notifications
from angarium.platform.database.engine import reading
from angarium.rendering.content import EmailContent
from angarium.rendering.renderer import Renderer
from angarium.services.gateway.b2b.bodies import Word, word_of
from angarium.services.gateway.b2b.views import email_view
from tests.unit.services.gateway.conftest import World, error_of, fields_of
from tests.unit.services.gateway.directory import MemoryTemplates

pytestmark = pytest.mark.slow

SEND = "/api/notifications/send"
VERIFY = "/api/notifications/send-verification"
HTML = "<h1>Bill {{ not_liquid }}</h1><p>Pay <a href='https://pay.example/1'>here</a></p>{% endfor %}"
MAIL = {"email": "ann@example.com", "subject": "Your bill", "message": HTML}
LINK = "https://shop.example/verify?token=a&b=<c>"
LEASE = timedelta(seconds=20)
PERSON = {"email": "ann@example.com", "username": "Ann <b>", "verification_link": LINK}


async def _queued(world: World, path: str = SEND, /, **body: Any) -> UUID:
    answer = await world.client.post(path, json=body)
    assert answer.status_code == 202, answer.text
    whole, data = answer.json(), answer.json()["data"]
    assert data == {
        "notification_id": data["notification_id"],
        "status": "queued",
        "status_url": f"/api/notifications/{data['notification_id']}",
    }
    assert (whole["notificationId"], whole["statusUrl"]) == (data["notification_id"], data["status_url"])
    assert set(whole) == {"success", "message", "data", "error", "meta", "notificationId", "statusUrl"}
    return UUID(data["notification_id"])


async def _mail(world: World, identifier: UUID) -> EmailContent:
    """What a worker would send."""
    view = (await world.client.get(f"/api/v1/notifications/{identifier}")).json()["data"]
    stored = WithBuiltIn(MemoryTemplates())
    template = await stored.version("default", view["template_code"], view["template_version"])
    assert template is not None
    made = Renderer().render(template, Channel.EMAIL, view["locale"], view["variables"])
    assert isinstance(made, EmailContent)
    return made


async def test_inline_html_is_sent_as_it_is(world: World) -> None:
    mail = await _mail(world, await _queued(world, **MAIL))
    assert (mail.subject, mail.html) == ("Your bill", HTML)
    assert mail.text is not None
    assert "<" not in mail.text.replace("{%", "")


async def test_the_text_part_is_the_callers_or_made_from_the_html(world: World) -> None:
    given = await _mail(world, await _queued(world, **MAIL, text="Just text & more"))
    made = await _mail(world, await _queued(world, **{**MAIL, "message": "<p>Dear Ann</p><p>Pay &amp; go</p>"}))
    empty = await _mail(world, await _queued(world, **{**MAIL, "message": "<img src='x'>"}))
    assert given.text == "Just text & more"
    assert made.text is not None
    assert made.text.split() == ["Dear", "Ann", "Pay", "&", "go"]
    assert empty.text == "Your bill"


async def test_a_body_may_be_written_in_camel_case(world: World) -> None:
    body = {"email": "a@example.com", "subject": "S", "htmlContent": "<p>x</p>", "userId": "u 1/ü", "requestId": "r-1"}
    identifier = await _queued(world, **body)
    view = (await world.client.get(f"/api/notifications/{identifier}")).json()["data"]
    assert view.items() >= {"user_id": "u 1/ü", "email": "a@example.com", "subject": "S", "status": "queued"}.items()
    assert set(view) == {
        *("notification_id", "user_id", "email", "subject", "status", "attempts", "error"),
        *("created_at", "updated_at", "sent_at"),
        *("userId", "errorMessage", "retryCount", "createdAt", "updatedAt", "sentAt"),
    }
    record = (await world.client.get(f"/api/v1/notifications/{identifier}")).json()["data"]
    assert (record["user_id"], record["request_id"]) == ("u 1/ü", "r-1")


async def test_the_same_request_id_is_the_same_mail(world: World) -> None:
    first = await _queued(world, **MAIL, request_id="r-1", user_id="u-1")
    again = await world.client.post(SEND, json={**MAIL, "request_id": "r-1", "user_id": "u-1"})
    assert (again.status_code, again.headers["idempotent-replayed"]) == (202, "true")
    assert UUID(again.json()["data"]["notification_id"]) == first
    other = await world.client.post(SEND, json={**MAIL, "request_id": "r-1", "user_id": "u-2"})
    assert (other.status_code, error_of(other)["code"]) == (409, "idempotency_conflict")
    assert await _queued(world, **MAIL) != await _queued(world, **MAIL)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"email": "nobody"}, "email"),
        ({"email": "a@b.example\r\nBcc: x@y.example"}, "email"),
        ({"email": None}, "email"),
        ({"subject": None}, "subject"),
        ({"subject": "a\r\nBcc: x@y.example"}, "subject"),
        ({"message": None}, "message"),
        ({"html_content": "<p>x</p>"}, "message"),
        ({"status": "sent"}, "status"),
        ({"tenant_id": "other"}, "tenant_id"),
        ({"variables": {"name": "x"}}, "variables"),
        ({"userId": "a", "user_id": "b"}, "user_id"),
        ({"user_id": ""}, "user_id"),
        ({"callback_url": "http://example.com/"}, "callback_url"),
        ({"callbackUrl": "https://u:p@example.com/"}, "callback_url"),
    ],
)
async def test_a_wrong_field_is_named(world: World, changes: dict[str, Any], field: str) -> None:
    body = {name: value for name, value in {**MAIL, **changes}.items() if value is not None}
    answer = await world.client.post(SEND, json=body)
    assert answer.status_code == 400
    assert field in fields_of(answer)


async def test_with_a_template_it_is_one_like_any_other(world: World) -> None:
    world.templates.add("invoice", required=["name", "message"])
    body = {"email": "ann@example.com", "template_code": "invoice", "message": "<b>hi</b>"}
    missing = await world.client.post(SEND, json=body)
    assert fields_of(missing) == ["variables.name"]
    identifier = await _queued(world, **body, variables={"name": "Ann"})
    record = (await world.client.get(f"/api/v1/notifications/{identifier}")).json()["data"]
    assert record["template_code"] == "invoice"
    assert record["variables"] == {"name": "Ann", "message": "<b>hi</b>"}
    assert record["recipient"] == {"email": "ann@example.com"}
    unknown = await world.client.post(SEND, json={**body, "template_code": "nothing"})
    assert error_of(unknown)["code"] == "template_not_found"


class _Links(HTMLParser):
    """The links and the visible words of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: list[str | None] = []
        self.words = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.links.append(dict(attrs)["href"])

    def handle_data(self, data: str) -> None:
        self.words += data


async def test_the_verification_mail_escapes_everything(world: World) -> None:
    mail = await _mail(world, await _queued(world, VERIFY, **PERSON))
    assert mail.subject == "Verify your email address"
    assert mail.html is not None
    page = _Links(mail.html)
    assert page.links == [LINK, LINK]
    assert "Hello Ann <b>," in page.words
    assert LINK in page.words
    assert "<b>" not in mail.html
    assert mail.text is not None
    assert {"Hello Ann <b>,", LINK} <= set(mail.text.splitlines())


async def test_the_verification_mail_may_have_its_own_subject(world: World) -> None:
    body = {"email": "a@example.com", "username": "Ann", "verificationLink": LINK, "subject": "Welcome {{ x }}"}
    assert (await _mail(world, await _queued(world, VERIFY, **body))).subject == "Welcome {{ x }}"


@pytest.mark.parametrize(
    "link", ["javascript:alert(1)", "//x.example", "ftp://x.example", "https://", "http:// x", "https://x\n.example"]
)
async def test_a_link_must_be_of_the_web(world: World, link: str) -> None:
    answer = await world.client.post(VERIFY, json={**PERSON, "verification_link": link})
    assert fields_of(answer) == ["verification_link"]


def test_every_status_has_a_word() -> None:
    words = {word: {status for status in Status if word_of(status) is word} for word in Word}
    assert words == {
        Word.QUEUED: {Status.SCHEDULED, Status.PENDING},
        Word.SENDING: {Status.SENDING},
        Word.RETRYING: {Status.RETRYING},
        Word.SENT: {Status.SENT, Status.DELIVERED},
        Word.FAILED: {Status.FAILED, Status.SKIPPED, Status.CANCELLED, Status.EXPIRED, Status.UNKNOWN},
    }


async def _end(world: World, identifier: UUID, status: Status, reason: Reason | None = None) -> None:
    [claim] = await world.store.claim([identifier], token=uuid4(), lease=LEASE, worker="w")
    assert isinstance(claim, Claimed)
    event = Event(str(status), claim.created_at, {"status": str(status)})
    ended = Result(id=identifier, claim_token=claim.claim_token, status=status, events=(event,), reason=reason)
    assert await world.store.record([ended]) == [True]


async def test_a_failure_and_a_success_are_reported(world: World) -> None:
    failed, sent, _waiting = [await _queued(world, **MAIL, user_id="u/1") for _ in range(3)]
    await _end(world, failed, Status.FAILED, Reason("permanent", "550 no such user"))
    await _end(world, sent, Status.SENT)
    view = (await world.client.get(f"/api/notifications/{failed}")).json()["data"]
    assert (view["status"], view["error"], view["attempts"], view["sent_at"]) == ("failed", "550 no such user", 1, None)
    stats = (await world.client.get("/api/notifications/user/u%2F1/stats")).json()["data"]
    last_sent = (await world.client.get(f"/api/notifications/{sent}")).json()["data"]["sent_at"]
    counts = {"total": 3, "pending": 1, "queued": 1, "sending": 0, "retrying": 0, "sent": 1, "failed": 1}
    assert stats == {"user_id": "u/1", **counts, "last_sent_at": last_sent}
    nobody = (await world.client.get("/api/notifications/user/nobody/stats")).json()["data"]
    assert (nobody["total"], nobody["last_sent_at"]) == (0, None)


async def test_a_mail_is_shown_under_camel_case_names_too(world: World) -> None:
    identifier = await _queued(world, **MAIL, user_id="u-1")
    await world.gateway.drain()
    answer = (await world.client.get(f"/api/notifications/{identifier}")).json()
    view = answer["data"]
    assert (answer["notificationId"], answer["statusUrl"]) == (str(identifier), f"/api/notifications/{identifier}")
    assert (view["userId"], view["errorMessage"], view["sentAt"], view["retryCount"]) == ("u-1", None, None, 0)
    assert (view["createdAt"], view["updatedAt"]) == (view["created_at"], view["updated_at"])


@pytest.mark.parametrize(("attempts", "retries"), [(0, 0), (1, 0), (2, 1), (6, 5)])
def test_retries_are_the_attempts_after_the_first(attempts: int, retries: int) -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    values: dict[str, Any] = {
        "notification_id": UUID(int=1),
        "user_id": None,
        "recipient": None,
        "variables": {},
        "attempts": attempts,
        "status": Status.FAILED,
        "reason": NotificationReason(code="retries_exhausted", message=""),
        "created_at": moment,
        "updated_at": moment,
        "sent_at": None,
    }
    shown = email_view(NotificationView.model_construct(**values)).model_dump(mode="json", by_alias=True)
    assert (shown["retryCount"], shown["errorMessage"], shown["error"]) == (retries, *["retries_exhausted"] * 2)


async def test_the_callback_of_a_camel_case_request_is_kept_as_one(world: World) -> None:
    url, kept = "https://hooks.example/a?b=1#c", notifications.c.callback_url
    snake = {**MAIL, "request_id": "r-1", "callback_url": url}
    camel = {**MAIL, "requestId": "r-2", "callbackUrl": url}
    for body in (snake, camel):
        await _queued(world, **body)
    again = await world.client.post(SEND, json={**MAIL, "requestId": "r-1", "callbackUrl": url})
    assert (again.status_code, again.headers["idempotent-replayed"]) == (202, "true")
    async with reading(world.engine) as connection:
        stored = list((await connection.execute(select(kept).order_by(notifications.c.created_at))).scalars())
    assert stored == [url, "https://hooks.example/a?b=1#angarium-camel-case"]


async def test_the_queues_can_be_seen(world: World) -> None:
    await _queued(world, **MAIL)
    await world.gateway.acceptor.drain()
    stats = (await world.client.get("/api/notifications/queue/stats")).json()["data"]
    assert {"name": "email.queue", "messages": 1, "consumers": 0} in stats["queues"]
    assert (stats["outbox_pending"], stats["dead_letters"]) == (0, 0)


async def test_a_tenant_sees_the_number_of_its_own_dead_letters(world: World) -> None:
    letters = [foreign_letter(b"x", Reason("malformed", "x"), letter_id=uuid4(), channel=Channel.EMAIL) for _ in "ab"]
    await world.store.bury(letters, [])
    made = await world.client.post("/api/v1/tenants", json={"tenant": "acme"})
    acme = {"x-api-key": made.json()["data"]["key"]}
    for headers, count in (({}, 2), (acme, 0)):
        stats = (await world.client.get("/api/notifications/queue/stats", headers=headers)).json()["data"]
        assert stats["dead_letters"] == count


async def test_health_is_plain_and_open(world: World) -> None:
    for path in ("/api/health", "/api/ready", "/api/health/"):
        answer = await world.client.get(path, headers={"x-api-key": ""})
        assert answer.status_code == 200
        assert answer.json() == (await world.client.get(path.removeprefix("/api"))).json()


async def test_scopes_and_tenants_hold(world: World) -> None:
    identifier = await _queued(world, **MAIL)
    sender, reader = await world.key(Scope.NOTIFICATIONS_SEND), await world.key(Scope.NOTIFICATIONS_READ)
    for path in (f"/api/notifications/{identifier}", "/api/notifications/queue/stats"):
        assert (await world.client.get(path, headers=sender)).status_code == 403
        assert (await world.client.get(path, headers=reader)).status_code == 200
    assert (await world.client.post(SEND, json=MAIL, headers=reader)).status_code == 403
    assert (await world.client.post(VERIFY, json=PERSON, headers=reader)).status_code == 403
    missing = await world.client.get(f"/api/notifications/{uuid4()}")
    assert (missing.status_code, error_of(missing)["code"]) == (404, "not_found")
    assert (await world.client.get("/api/notifications/nonsense")).status_code in {400, 404}
