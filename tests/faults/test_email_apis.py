"""The whole system with SendGrid, Mailgun and SES: each message leads to one mail, whatever the APIs answer."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from angarium.testing.http_api import Reply, ScriptedApi, scripted_api
from angarium.testing.smtp.sink import SmtpSink
from tests.support.email_apis import CHECKS, URLS, mail_of
from tests.support.system import EmbeddedSystem, running

pytestmark = [pytest.mark.slow, pytest.mark.long]
KINDS = ("sendgrid", "mailgun", "ses")


@dataclass(frozen=True, slots=True)
class Started:
    """A system, and the APIs of its providers in order of preference."""

    system: EmbeddedSystem
    apis: dict[str, ScriptedApi]


@pytest.fixture
async def started(tmp_path: Path) -> AsyncIterator[Started]:
    async with AsyncExitStack() as stack:
        apis = {kind: await stack.enter_async_context(scripted_api(CHECKS[kind])) for kind in KINDS}
        providers = ",".join(f"{URLS[kind]}?base_url={api.origin}&timeout=2s" for kind, api in apis.items())
        settings = {"EMAIL_PROVIDERS": providers, "EMAIL_FROM": "Angarium <notify@example.org>"}
        sink = stack.enter_context(SmtpSink())
        system = EmbeddedSystem(tmp_path, sink=sink, settings=settings)
        stack.enter_context(running(system))
        await stack.enter_async_context(system.connected())
        yield Started(system, apis)


@pytest.mark.fault(31, 32)
async def test_every_answer_of_an_email_api_leads_to_exactly_one_mail(started: Started) -> None:
    system, apis = started.system, started.apis
    user, template = await system.create_user(), await system.create_template()
    mail = {"user_id": user["user_id"], "template_code": template["code"], "variables": {"name": "Ada"}}

    sent = await system.deliver(**mail)
    assert (sent["provider"], sent["attempts"]) == ("sendgrid", 1)
    assert sent["provider_message_id"] == f"sg-{sent['notification_id']}"

    apis["sendgrid"].replies.append(Reply(status=503, body="<html>down</html>"))
    sent = await system.deliver(**mail)
    assert (sent["provider"], sent["attempts"]) == ("mailgun", 2)
    assert sent["provider_message_id"] == f"{sent['notification_id']}@example.org"

    # The answer is lost: the message is sent again to the same provider only.
    before = {kind: len(api.calls) for kind, api in apis.items()}
    apis["sendgrid"].replies.append(Reply(cut=0, reset=True))
    sent = await system.deliver(**mail)
    assert (sent["provider"], sent["attempts"]) == ("sendgrid", 2)
    assert {kind: len(api.calls) - before[kind] for kind, api in apis.items()} == {
        "sendgrid": 2,
        "mailgun": 0,
        "ses": 0,
    }
    keys = {mail_of("sendgrid", call)["Message-ID"] for call in apis["sendgrid"].calls[-2:]}
    assert keys == {f"<{sent['notification_id']}@example.org>"}

    # Refused credentials pause a provider; the message is sent to the next one without using an attempt.
    apis["sendgrid"].replies.append(Reply(status=401, body={"errors": [{"message": "no", "field": None}]}))
    apis["mailgun"].replies.append(Reply(status=401, body="Forbidden"))
    sent = await system.deliver(**mail)
    assert (sent["provider"], sent["attempts"]) == ("ses", 1)
    assert sent["provider_message_id"] == f"ses-{sent['notification_id']}"

    apis["ses"].replies.append(Reply(status=400, body={"message": "Missing final '@domain'"}))
    refused = await system.send(**mail)
    failed = await system.wait_for(refused["notification_id"], "failed")
    assert failed["reason"]["message"].startswith("400 Missing final")
    log = system.log("angarium").read_text()
    assert "provider.misconfigured" in log
    assert not [secret for secret in ("canary", "AKIACANARY") if secret in log]
