"""The command line: exit statuses, tables, secrets and errors."""

import asyncio
import json
import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from angarium.testing.smtp.script import Step
from tests.support.endpoint import endpoint
from tests.support.servers.ports import free_port
from tests.support.system import ANGARIUM, System
from tests.support.system_verbs import new_email, new_name

UNKNOWN_USER = Step(rcpt="550 5.1.1 no such user")
KEY = re.compile(r"^Key +(ang_live_\S+)$", re.MULTILINE)


@dataclass(frozen=True)
class Ended:
    """The result of a command."""

    status: int
    output: str
    complaints: str


async def angarium(system: System, *arguments: str, **settings: str) -> Ended:
    """Run a command with its output in a pipe."""
    environment = {"ANGARIUM_GATEWAY_URL": system.url, "ANGARIUM_API_KEY": system.key, "PATH": os.defpath, **settings}
    process = await asyncio.create_subprocess_exec(
        str(ANGARIUM),
        *arguments,
        env=environment,
        cwd=system.folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, complaints = await process.communicate()
    return Ended(process.returncode or 0, output.decode(), complaints.decode())


async def test_status_watch_exits_with_the_outcome(system: System) -> None:
    template = await system.create_template()
    refused = new_email()
    system.sink.script(refused, UNKNOWN_USER)
    variables = ("--var", "name=Ada", "--watch")
    sent = await angarium(system, "send", "email", template["code"], new_email(), *variables)
    assert (sent.status, sent.complaints) == (0, "")
    failed = await angarium(system, "send", "email", template["code"], refused, *variables)
    assert (failed.status, failed.complaints) == (1, "")
    notification_id = failed.output.splitlines()[-1].split()[0]
    watched = await angarium(system, "status", notification_id, "--watch", "--json")
    assert watched.status == 1
    assert (await angarium(system, "status", notification_id)).status == 0


async def test_a_provider_is_tested_from_the_command_line(system: System) -> None:
    refused = new_email()
    system.sink.script(refused, UNKNOWN_USER)
    sent = await angarium(system, "providers", "test", "--channel", "email", "--to", new_email(), "--watch")
    assert (sent.status, sent.complaints, "250" in sent.output) == (0, "", True)
    failed = await angarium(system, "providers", "test", "--channel", "email", "--to", refused, "--watch")
    assert (failed.status, "550 5.1.1" in failed.output) == (1, True)
    unknown = await angarium(system, "providers", "test", "nowhere", "--to", refused)
    assert (unknown.status, "No provider nowhere" in unknown.complaints) == (1, True)


async def test_marketing_is_paused_and_resumed_from_the_command_line(system: System) -> None:
    try:
        paused = await angarium(system, "providers", "pause", "smtp", "--channel", "email")
        assert (paused.status, paused.output) == (0, "smtp (email): marketing paused\n")
        listed = await angarium(system, "providers", "list")
        [row] = [line for line in listed.output.splitlines() if line.split()[:2] == ["smtp", "email"]]
        assert "paused" in row.split()
        always = await angarium(system, "providers", "resume", "smtp", "--channel", "email", "--always", "--json")
        reputation = json.loads(always.output)["reputation"]
        assert (always.status, reputation["state"], reputation["forced"]) == (0, "active", True)
    finally:
        resumed = await angarium(system, "providers", "resume", "smtp", "--channel", "email")
    assert (resumed.status, resumed.output) == (0, "smtp (email): marketing active\n")


async def test_the_channel_option_accepts_exactly_the_channels(system: System) -> None:
    made = await system.create_template(channel="webhook", subject=None, content=None, json='{"a": {{ a | json }}}')
    async with endpoint() as hook:
        sent = await angarium(system, "send", "webhook", made["code"], hook.url(), "--var", "a=1", "--watch")
    assert (sent.status, sent.complaints) == (0, "")
    assert [one.body for one in hook.received] == [b'{"a": 1}']
    listed = await angarium(system, "dead-letters", "list", "--channel", "webhook", "--json")
    assert (listed.status, listed.complaints) == (0, "")
    for command in (("send", "pigeon", made["code"], "x"), ("dead-letters", "list", "--channel", "pigeon")):
        refused = await angarium(system, *command)
        assert refused.status != 0
        assert "pigeon" in refused.complaints


async def test_status_watch_fails_for_a_cancelled_notification(system: System) -> None:
    template = await system.create_template()
    later = await system.send(
        recipient={"email": new_email()},
        template_code=template["code"],
        variables={"name": "Ada"},
        send_at=f"{datetime.now(UTC) + timedelta(days=1):%FT%TZ}",
    )
    await system.client.post(f"/api/v1/notifications/{later['notification_id']}/cancel")
    assert (await angarium(system, "status", later["notification_id"], "--watch")).status == 1


async def test_ids_can_be_read_from_a_pipe(system: System) -> None:
    name = new_name("shop")
    made = await angarium(system, "keys", "create", name, "--scope", "notifications:send", "--scope", "users:read")
    assert "it is shown only once" in made.output
    found = KEY.search(made.output)
    assert found is not None
    listed = await angarium(system, "keys", "list", "--limit", "100", COLUMNS="80")
    headings, *rows = [line.split("\t") for line in listed.output.splitlines()]
    assert headings[:4] == ["id", "name", "kind", "scopes"]
    [row] = [row for row in rows if row[1] == name]
    assert len(row) == len(headings)
    assert row[3] == "notifications:send, users:read"
    assert (await angarium(system, "keys", "revoke", row[0])).status == 0


async def test_operators_are_created_listed_and_revoked(system: System) -> None:
    name = new_name("operator")
    made = await angarium(system, "operators", "create", name, "--role", "viewer")
    assert f"Operator  {name} (viewer)" in made.output
    assert "it is shown only once" in made.output
    listed = await angarium(system, "operators", "list", "--limit", "100")
    [row] = [line.split("\t") for line in listed.output.splitlines() if line.split("\t")[1] == name]
    assert row[2] == "viewer"
    assert (await angarium(system, "operators", "revoke", row[0])).status == 0
    assert (await angarium(system, "operators", "revoke", row[0])).status == 1


async def test_a_tenants_key_is_labelled(system: System) -> None:
    made = await angarium(system, "tenants", "create", new_name("tenant"))
    assert KEY.search(made.output)
    assert made.output.rstrip().endswith("Copy the key now: it is shown only once.")


async def test_control_characters_in_responses_are_not_printed(system: System) -> None:
    template = await system.create_template(name="\x1b]0;owned\x07\x1b[2Jx\u202e")
    listed = await angarium(system, "templates", "list")
    assert template["code"] in listed.output
    assert not set("\x1b\x07\u202e") & set(listed.output)
    assert r"\x1b]0;owned\x07" in listed.output


async def test_a_dry_run_reports_that_nothing_was_changed(system: System) -> None:
    template = await system.create_template()
    refused = new_email()
    system.sink.script(refused, UNKNOWN_USER)
    sent = await system.send(recipient={"email": refused}, template_code=template["code"], variables={"name": "Ada"})
    await system.wait_for(sent["notification_id"], "failed")
    counted = await angarium(system, "dead-letters", "replay", "--template", template["code"], "--dry-run")
    assert counted.output == "1 matched; nothing replayed (dry run).\n"
    folder = system.folder / "dry-run" / new_name("dry")
    folder.mkdir(parents=True)
    (folder / "template.yaml").write_text("{}")
    (folder / "text.txt").write_text("Hello")
    planned = await angarium(system, "templates", "push", str(folder.parent), "--dry-run")
    assert planned.output.splitlines()[1:] == [f"{folder.name}\twould be created\t1"]
    assert planned.complaints == "Dry run: nothing was published.\n"


@pytest.mark.parametrize(
    ("url", "status", "message"),
    [
        ("http://localhost:{port}", 1, "does not answer (ConnectError). Is it running? Start it with `make run`, or"),
        ("localhost:{port}", 2, "ANGARIUM_GATEWAY_URL: must begin with http:// or https://"),
    ],
)
async def test_an_unreachable_gateway_is_reported_in_one_line(
    system: System, url: str, status: int, message: str
) -> None:
    ended = await angarium(system, "keys", "list", ANGARIUM_GATEWAY_URL=url.format(port=free_port()))
    assert (ended.status, ended.output) == (status, "")
    assert message in ended.complaints
    assert ended.complaints.count("\n") == 1


async def test_the_commands_about_one_notification(system: System) -> None:
    template = await system.create_template()
    preview = await angarium(system, "templates", "preview", template["code"], "--var", "name=Ada")
    assert preview.status == 0
    assert "Ada" in preview.output
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    recipient = {"email": new_email()}
    made = await system.send(
        template_code=template["code"], variables={"name": "Ada"}, send_at=later, recipient=recipient
    )
    notification_id = made["notification_id"]
    tail = await angarium(system, "tail", "--status", "scheduled")
    assert notification_id in tail.output
    cancelled = await angarium(system, "cancel", notification_id)
    assert (cancelled.status, cancelled.output) == (0, f"Cancelled {notification_id}.\n")
    assert (await angarium(system, "cancel", notification_id)).status == 1
    explained = await angarium(system, "why", notification_id)
    assert explained.output.startswith("Not sent, since it was cancelled")


async def test_the_gateway_and_the_key_can_be_options(system: System) -> None:
    nowhere = {"ANGARIUM_GATEWAY_URL": "http://localhost:1", "ANGARIUM_API_KEY": "wrong"}
    here = ("--url", system.url, "--key", system.key)
    for arguments in ((*here, "keys", "list"), ("keys", "list", *here)):
        assert (await angarium(system, *arguments, **nowhere)).status == 0
    assert "--url" in (await angarium(system, "keys", "list", **nowhere)).complaints


async def test_doctor_names_what_is_wrong(system: System) -> None:
    well = await angarium(system, "doctor")
    assert well.status == 0, well.output
    assert "gateway's database\tok" in well.output
    ill = await angarium(system, "doctor", "--key", "ang_live_wrong")
    assert ill.status == 1
    assert "users\tfailed\tthe key is not valid" in ill.output
    unset = await angarium(system, "doctor", ANGARIUM_WORKER_CONCURRENCY="0")
    assert "settings of worker\tfailed\tANGARIUM_WORKER_CONCURRENCY" in unset.output


async def test_a_key_is_rotated_and_completion_scripts_are_printed(system: System) -> None:
    made = await angarium(system, "keys", "create", new_name("shop"), "--scope", "notifications:read")
    old = KEY.search(made.output)
    key_id = re.search(r"^Key id +(\S+)$", made.output, re.MULTILINE)
    assert old is not None
    assert key_id is not None
    rotated = KEY.search((await angarium(system, "keys", "rotate", key_id[1])).output)
    assert rotated is not None
    assert rotated[1] != old[1]
    for shell in ("bash", "zsh", "fish"):
        printed = await angarium(system, "completion", shell)
        assert "dead-letters" in printed.output
