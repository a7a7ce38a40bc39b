"""The first minute with Angarium: one command, and a notification in the built-in mailbox."""

import re
import smtplib
from email.message import EmailMessage
from pathlib import Path

from tests.support.servers.ports import free_port
from tests.support.smtp_sink import SmtpSink
from tests.support.system import EmbeddedSystem, running
from tests.support.wait import until


async def test_a_first_notification_is_seen_in_the_mailbox(sink: SmtpSink, tmp_path: Path) -> None:
    smtp_port = free_port()
    settings = {"EMAIL_PROVIDERS": "mailbox://", "MAILBOX_SMTP_PORT": str(smtp_port)}
    system = EmbeddedSystem(tmp_path, sink=sink, settings=settings)
    system.commands["angarium"] = ("up", "--first-notification")
    with running(system):
        async with system.connected():
            [caught] = await until(lambda: system.mailbox(channel="email", to="you@example.com"), 15)
            assert caught["subject"] == "Welcome, You"
            assert "first notification" in caught["html"]
            assert "first notification" in caught["text"]
            await system.wait_for(caught["notification_id"], "sent")
            printed = await until(lambda: re.search(r"curl .*", system.tail("angarium")), 10)
            assert printed is not None
            assert system.key in printed[0]
            assert f"localhost:{system.ports['angarium']}" in printed[0]

            _send_mail(smtp_port)
            [other] = await until(lambda: system.mailbox(to="someone@example.com"), 10)
            assert other["subject"] == "From elsewhere"
            emptied = await system.client.delete("/api/v1/mailbox/messages")
            assert emptied.status_code == 200
            assert await system.mailbox() == []


def _send_mail(port: int) -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "other@example.com", "someone@example.com", "From elsewhere"
    message.set_content("Any program may send here.")
    with smtplib.SMTP("127.0.0.1", port, timeout=10) as client:
        client.send_message(message)


async def test_a_restart_keeps_everything(sink: SmtpSink, tmp_path: Path) -> None:
    with running(EmbeddedSystem(tmp_path, sink=sink)) as system:
        async with system.connected():
            template = await system.create_template()
            user = await system.create_user()
            body = {"user_id": user["user_id"], "template_code": template["code"], "variables": {"name": "Ada"}}
            sent = await system.deliver(**body)
            await system.stop()
            await system.start()
            assert await system.status(sent["notification_id"]) == sent
            await system.deliver(**body)
            assert len(system.sink.to(user["email"])) == 2
