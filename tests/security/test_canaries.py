"""Addresses, tokens, passwords and what was written to people: sent down every path that fails, then looked for."""

import asyncio
import base64
import importlib
import pkgutil
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx2
import pytest
from pydantic import SecretStr
from sqlalchemy import text

import angarium
from angarium.contracts.errors import SettingsError
from angarium.platform.database.engine import open_engine, writing
from angarium.platform.settings.base import Settings
from angarium.testing.smtp.script import Step
from angarium.testing.smtp.sink import SmtpSink
from tests.security.conftest import composed
from tests.security.whole import World
from tests.support.system import EmbeddedSystem, running

CANARY = "cnry7f3a"
EMAIL = f"{CANARY}@{CANARY}.test"
PHONE = "+14155550177"
SECRET = f"{CANARY}-secret-0123456789abcdef0123456789"
JWT = f"eyJhbGciOiJIUzI1NiJ9.{CANARY}.{CANARY}"
SIGNING = f"whsec_{base64.b64encode(SECRET.encode()).decode()}"
SETTINGS = {
    "LOG_LEVEL": "debug",
    "CALLBACK_SECRET": SIGNING,
    "JWT_SECRET": SECRET,
    "JWT_AUDIENCE": "angarium",
    "JWT_ISSUER": "https://issuer.test/",
    "LINK_SECRET": SECRET,
    "CALLBACK_ALLOW": "127.0.0.0/8",
    "RETRY_DELAYS": "50ms",
}


@pytest.fixture(scope="module")
def sink() -> Iterator[SmtpSink]:
    with SmtpSink() as sink:
        yield sink


@pytest.fixture(scope="module")
def system(sink: SmtpSink, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedSystem]:
    with running(EmbeddedSystem(tmp_path_factory.mktemp("canary"), sink=sink, settings=SETTINGS)) as system:
        yield system


def requests(user_id: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Method, path and content of what is refused, at each place that refuses."""
    send = {"notification_type": "email", "template_code": "welcome", "user_id": user_id}
    users, notifications = "/api/v1/users", "/api/v1/notifications"
    for path in (users, notifications, "/api/v1/templates", "/api/notifications/send", "/api/v1/auth/login"):
        yield "POST", path, {"json": {CANARY: CANARY, "email": EMAIL, "password": SECRET}}
        yield "POST", path, {"content": f'{{"email": "{EMAIL}", "{CANARY}'.encode()}
        yield "POST", path, {"content": EMAIL.encode(), "headers": {"content-type": f"text/{CANARY}"}}
        yield "POST", path, {"json": {"email": {"a": EMAIL}, "password": [SECRET]}}
        yield "POST", path, {"content": EMAIL.encode() * 20_000}
    yield "POST", users, {"json": {"name": CANARY, "email": f"{CANARY}@", "phone": PHONE}}
    yield "POST", users, {"json": {"name": CANARY, "email": EMAIL}}
    yield "PATCH", f"{users}/{user_id}", {"json": {"timezone": CANARY, "locale": CANARY}}
    yield "POST", f"{users}/import", {"content": f"name,email\n{CANARY},{EMAIL},{CANARY}\n".encode()}
    yield "POST", f"{users}/{user_id}/devices", {"json": {"platform": "apns", "token": CANARY}}
    yield "GET", users, {"params": {"email": EMAIL}}
    yield "GET", users, {"params": {"search": CANARY, "limit": CANARY, "cursor": CANARY}}
    yield "GET", f"{users}/{CANARY}", {}
    yield "GET", f"/{CANARY}/{EMAIL}", {"params": {"token": SECRET}}
    yield "GET", f"/preferences/{CANARY}", {}
    for provider in ("sendgrid", CANARY):
        yield "POST", f"/webhooks/{provider}/{SECRET}", {"content": f"From={PHONE}&Body={EMAIL}".encode()}
    yield "POST", f"/unsubscribe/{CANARY}", {"content": b"List-Unsubscribe=One-Click"}
    yield "POST", "/api/v1/auth/login", {"json": {"email": EMAIL, "password": SECRET}}
    yield "POST", "/api/v1/auth/token", {"headers": {"authorization": f"Bearer {JWT}", "x-api-key": ""}}
    yield "GET", notifications, {"headers": {"x-api-key": f"ang_live_{CANARY}"}}
    yield "GET", notifications, {"headers": {"x-service-token": SECRET}}
    yield "GET", notifications, {"headers": {"x-api-key": "", "authorization": f"Basic {CANARY}"}}
    yield "POST", notifications, {"json": {**send, "template_code": CANARY, "variables": {"a": CANARY}}}
    yield "POST", notifications, {"json": {**send, "variables": CANARY, "callback_url": f"http://{SECRET}@10.0.0.1/"}}
    yield "POST", notifications, {"json": {**send, "recipient": {"email": f"{EMAIL}, {EMAIL}"}}}
    yield (
        "POST",
        "/api/v1/templates",
        {"json": {"code": "x", "content": f"{{{{ {CANARY} | {CANARY} }}}}{{% {CANARY} %}}"}},
    )


async def failing_sends(system: EmbeddedSystem, sink: SmtpSink, user_id: str) -> None:
    """Notifications that fail at the provider, at rendering and at their callback."""
    refusal = f"550 5.1.1 <{EMAIL}> {PHONE}: no such user"
    sink.script(EMAIL, Step(rcpt=f"451 4.7.1 <{EMAIL}> greylisted"), Step(rcpt=refusal), Step(rcpt=refusal))
    template = await system.create_template(content="<p>{{ name }}{{ 1 | divided_by: zero }}</p>", subject="{{ name }}")
    plain = await system.create_template(text="Hello {{ name }}")
    ids = []
    for code, extra in (
        (plain["code"], {"callback_url": f"http://127.0.0.1:9/{CANARY}?token={SECRET}", "metadata": {"m": CANARY}}),
        (template["code"], {}),
        (plain["code"], {"recipient": {"email": EMAIL}}),
        (plain["code"], {"notification_type": "sms", "recipient": {"phone": PHONE}}),
        (
            plain["code"],
            {"notification_type": "webhook", "recipient": {"webhook": f"http://127.0.0.1:9/{CANARY}?k={SECRET}"}},
        ),
        (
            plain["code"],
            {"notification_type": "webhook", "recipient": {"webhook": f"https://10.0.0.1/{CANARY}?k={SECRET}"}},
        ),
    ):
        person = {} if "recipient" in extra else {"user_id": user_id}
        fields = {"template_code": code, "variables": {"name": CANARY, "zero": CANARY}, **person, **extra}
        answer = await system.submit(**fields)
        if answer.status_code == httpx2.codes.ACCEPTED:
            ids.append(answer.json()["data"]["notification_id"])
    for one in ids:
        await system.wait_for(one, "sent", "failed", "skipped", "delivered")
    assert len(ids) >= 3


async def test_no_canary_sings_in_logs_or_metrics(system: EmbeddedSystem, sink: SmtpSink) -> None:
    async with system.connected():
        user = await system.create_user(name=CANARY, email=EMAIL, phone=PHONE, push_token=CANARY, password=SECRET)
        for method, path, content in requests(user["user_id"]):
            await system.client.request(method, path, **content)
        await failing_sends(system, sink, user["user_id"])
        reader, writer = await asyncio.open_connection("127.0.0.1", system.ports["angarium"])
        writer.write(f"GET /{CANARY} {CANARY}\r\n{CANARY}: {SECRET}\r\n\r\n".encode())
        assert b" 400 " in await reader.readline()
        writer.close()
        metrics = (await system.client.get("/metrics")).text
        assert (await system.client.delete(f"/api/v1/users/{user['user_id']}")).status_code in {200, 204}
    silent("metrics", metrics)
    silent("logs", system.logs())
    assert '"notification.' in system.logs()


def silent(where: str, said: str) -> None:
    heard = [line for line in said.splitlines() if CANARY in line.lower() or PHONE[1:] in line or SIGNING in line]
    assert heard == [], where


@pytest.fixture
async def broken(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """The system with views in place of its tables, so that each write fails for a reason that nothing expects."""
    folder = tmp_path_factory.mktemp("broken")
    async with composed(folder) as world:
        for name, table in (("users", "users"), ("templates", "templates"), ("notifications", "notifications")):
            engine = open_engine(f"sqlite:///{folder / name}.sqlite3")
            async with writing(engine) as connection:
                await connection.execute(text(f"ALTER TABLE {table} RENAME TO gone"))
                await connection.execute(text(f"CREATE VIEW {table} AS SELECT * FROM gone"))  # noqa: S608 - our names
            await engine.dispose()
        yield world


async def test_no_canary_sings_in_the_trace_of_a_fault_of_ours(broken: World) -> None:
    statuses = set()
    user_id = broken.theirs["user_id"]
    code = {"template_code": broken.theirs["code"], "notification_type": "email", "variables": {"a": CANARY}}
    everything = [
        *requests(user_id),
        ("POST", "/api/v1/users", {"json": {"name": CANARY, "email": f"x{EMAIL}", "password": SECRET}}),
        ("POST", "/api/v1/templates", {"json": {"code": "y", "name": CANARY, "content": CANARY}}),
        ("POST", "/api/v1/notifications", {"json": {**code, "user_id": user_id}}),
        (
            "POST",
            "/api/v1/notifications",
            {"json": {**code, "recipient": {"email": EMAIL}, "variables": {"a": CANARY}}},
        ),
    ]
    for method, path, content in everything:
        headers = {**broken.other, **content.get("headers", {})}
        answer = await broken.client.request(method, path, **{**content, "headers": headers})
        statuses.add(answer.status_code)
        assert answer.status_code < 500 or CANARY not in answer.text, path
        assert "Traceback" not in answer.text
    assert statuses & {500, 503}
    assert "Traceback" in broken.log.getvalue()
    silent("log", broken.log.getvalue())


def settings_classes() -> list[type[Settings]]:
    """Every settings class there is."""
    for module in pkgutil.walk_packages(angarium.__path__, "angarium."):
        if "settings" in module.name or module.name.endswith(("compose", "app")):
            importlib.import_module(module.name)
    found, waiting = [], [Settings]
    while waiting:
        kind = waiting.pop()
        found.append(kind)
        waiting += kind.__subclasses__()
    return found


def secret_value(name: str, annotation: Any) -> Any:
    """A value with the canary in it, for a field that may hold a secret."""
    if name.endswith("_providers"):
        return f"smtp://{CANARY}:{SECRET}@mail.test:587/{CANARY}?api_key={SECRET}"
    if name.endswith("_url") and name != "public_url":
        return f"postgresql://{CANARY}:{SECRET}@db.test/x?password={SECRET}"
    if SecretStr in (annotation, *getattr(annotation, "__args__", ())) or "secret" in name or name.endswith("_key"):
        return SECRET
    return None


def test_no_settings_class_shows_a_secret() -> None:
    classes = settings_classes()
    assert len(classes) > 10
    for kind in classes:
        values = {
            name: value
            for name, field in kind.model_fields.items()
            if not name.startswith("tls_") and (value := secret_value(name, field.annotation)) is not None
        }
        try:
            settings = kind(_env_file=None, **values)
        except ValueError as error:
            silent(kind.__name__, f"{error!r} {error}")
            raise
        silent(kind.__name__, f"{settings!r} {settings}")


def test_no_refusal_of_a_setting_shows_its_value(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = 0
    for kind in settings_classes():
        for name in kind.__annotations__.keys() & kind.model_fields.keys():
            for value in (f"{CANARY}\n{SECRET}", f"{CANARY}://{SECRET}@", f"smtp://{CANARY}:{SECRET}@h:99999999"):
                monkeypatch.setenv(f"ANGARIUM_{name.upper()}", value)
                try:
                    kind.load()
                except SettingsError as error:
                    said = f"{error!r} {error} {error.__cause__!r}"
                    refused += 1
                    silent(f"{kind.__name__}.{name}", said)
                monkeypatch.delenv(f"ANGARIUM_{name.upper()}")
    assert refused > 40
