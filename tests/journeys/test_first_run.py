"""The first start: one command, and a notification in the built-in mailbox."""

import asyncio
import os
import re
import smtplib
import socket
import stat
import subprocess
from email.message import EmailMessage
from pathlib import Path

import pytest

from angarium.testing.smtp.sink import SmtpSink
from tests.support.servers.ports import free_port
from tests.support.system import EmbeddedSystem, running
from tests.support.wait import until
from tests.support.worker_system import EmbeddedWithWorker


async def test_a_first_notification_appears_in_the_mailbox(sink: SmtpSink, tmp_path: Path) -> None:
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


async def test_the_banner_shows_addresses_and_sends_one_first_notification(sink: SmtpSink, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        settings = {"EMAIL_PROVIDERS": "mailbox://", "MAILBOX_SMTP_PORT": str(taken)}
        system = EmbeddedSystem(tmp_path, sink=sink, settings=settings)
        system.commands["angarium"] = ("up", "--first-notification")
        with running(system):
            first = await until(lambda: _banner(system, 1), 10)
            address = f"http://localhost:{system.ports['angarium']}"
            assert f"being sent to the mailbox: {address}/mailbox\n" in first
            for line in (f"Home     {address}", f"Docs     {address}/docs", f"Key      {system.key}"):
                assert f"  {line}\n" in first
            link = re.search(rf"^  Sign in  {address}(/dashboard/sign-in/\S+) \(once\)$", first, re.MULTILINE)
            assert link is not None
            port = re.search(r"^  SMTP     localhost:(\d+)$", first, re.MULTILINE)
            assert port is not None
            assert int(port[1]) != taken
            async with system.connected():
                _send_mail(int(port[1]))
                await until(lambda: system.mailbox(to="someone@example.com"), 10)
                await system.stop()
                await system.start()
            again = await until(lambda: _banner(system, 2), 10)
            assert "being sent to the mailbox" not in again
            assert "Send another:" in again


async def test_the_banner_in_production_shows_no_key(sink: SmtpSink, tmp_path: Path) -> None:
    settings = {
        "ENV": "production",
        "SERVICE_TOKEN": "9f0b7c6b1f3d4d9e8a2c5e7f60b1d3c4",
        "PUSH_PROVIDERS": "",
        "SMS_PROVIDERS": "",
        "WEBHOOK_PROVIDERS": "",
    }
    system = EmbeddedSystem(tmp_path, sink=sink, settings=settings)
    system.commands["angarium"] = ("up", "--first-notification")
    with running(system):
        printed = await until(lambda: _banner(system, 1), 10)
        assert "/docs" in printed
        assert "/mailbox" not in printed
        assert "Sign in" not in printed
        assert system.key not in system.tail("angarium", 0)


def _banner(system: EmbeddedSystem, number: int) -> str:
    """The banner of the start with this number, counted from 1; empty until it is complete."""
    parts = system.tail("angarium", 0).split("Angarium runs on ")
    return parts[number] if len(parts) > number and "Press Ctrl-C" in parts[number] else ""


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


@pytest.mark.parametrize("form", [EmbeddedSystem, EmbeddedWithWorker])
async def test_the_data_folder_is_private_and_used_by_one_system(
    form: type[EmbeddedSystem], sink: SmtpSink, tmp_path: Path
) -> None:
    with running(form(tmp_path, sink=sink)) as system:
        for path in (system.data_dir, *system.data_dir.iterdir()):
            assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path.name
        settings = {"DATA_DIR": str(system.data_dir), "PORT": "0", "MAILBOX_SMTP_PORT": "0"}
        environment = {**os.environ, **{f"ANGARIUM_{name}": value for name, value in settings.items()}}
        command = [*system.launcher, *system.commands["angarium"]]
        second = await asyncio.to_thread(
            subprocess.run, command, env=environment, capture_output=True, text=True, timeout=30, check=False
        )
        assert second.returncode == 2
        assert re.search(r"^angarium: ANGARIUM_DATA_DIR: .* is in use by process \d+$", second.stderr)
