"""A client generated from the OpenAPI document by openapi-python-client, which knows only a base URL and a key."""

import asyncio
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from angarium.testing.smtp.sink import SmtpSink
from tests.support.system import EmbeddedSystem, running
from tests.support.system_verbs import new_email
from tests.support.wait import until

pytestmark = pytest.mark.slow

GENERATOR = Path(sys.executable).with_name("openapi-python-client")
LEFT_OUT = (
    "POST /api/v1/suppressions/import",
    "POST /api/v1/users/import",
    "POST /webhooks/{provider}/{token}",
    "GET /api/v1/mailbox/messages/{message_id}/raw",
)
"""Operations that the generator does not support: bodies of CSV, of JSON lines or of any type, and mail downloads."""
CALLS = """
import json, sys
import made.models
from made import AuthenticatedClient
from made.api.b2b_email import send_email
from made.api.notifications import get_notification, list_notifications, send_notification
from made.api.templates import create_template
from made.api.users import create_user, get_user
from made.models import Channel, ErrorEnvelope, NotificationRequest, NotificationRequestVariables
from made.models import Recipient, SendRequest, TemplateCreate, UserCreate

url, key, address = sys.argv[1:]
client = AuthenticatedClient(base_url=url, token=key, raise_on_unexpected_status=True)
variables = NotificationRequestVariables.from_dict({"username": "Ann", "verification_link": "https://shop.example/v"})
body = NotificationRequest(
    notification_type=Channel.EMAIL,
    recipient=Recipient(email=address),
    template_code="_verification",
    variables=variables,
)
sent = send_notification.sync(client=client, body=body, idempotency_key="made-1")
again = send_notification.sync(client=client, body=body, idempotency_key="made-1")
shown = get_notification.sync(sent.data.notification_id, client=client)
listed = list_notifications.sync(client=client, request_id="made-1")
refused = send_notification.sync(client=client, body=NotificationRequest(Channel.EMAIL, "absent", user_id=None))
user = create_user.sync(client=client, body=UserCreate(name="Ann", email=f"user-{address}"))
body = TemplateCreate(code="made", subject="Made", html="<p>{{ name }}</p>")
template = create_template.sync(client=client, body=body)
variables = NotificationRequestVariables.from_dict({"name": "Ann"})
body = NotificationRequest(Channel.EMAIL, "made", user_id=user.data.user_id, variables=variables)
stored = send_notification.sync(client=client, body=body, idempotency_key="made-2")
b2b = send_email.sync(client=client, body=SendRequest(email=address, subject="Made", message="<p>Made</p>"))
print(json.dumps({
    "same": sent.data.notification_id == again.data.notification_id,
    "created_at": shown.data.created_at.isoformat(),
    "listed": [str(row.notification_id) for row in listed.data] == [str(sent.data.notification_id)],
    "total": listed.meta.total,
    "refused": [isinstance(refused, ErrorEnvelope), refused.error.code, refused.error.message],
    "stored": [get_user.sync(user.data.user_id, client=client).data.name, template.data.version, stored.data.status],
    "b2b": [str(b2b.data.notification_id) == str(b2b.notification_id), b2b.status_url],
}))
"""


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedSystem]:
    with SmtpSink() as sink, running(EmbeddedSystem(tmp_path_factory.mktemp("made"), sink=sink)) as started:
        yield started


async def _run(*command: str | Path, folder: Path) -> str:
    path = f"{GENERATOR.parent}{os.pathsep}{os.environ.get('PATH', '')}"  # the generator formats its output with ruff
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env={**os.environ, "PATH": path},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    return output.decode()


async def _generated(system: EmbeddedSystem, folder: Path) -> str:
    """Generate the package `made` from the whole document in `folder`. Return the generator's output."""
    async with httpx2.AsyncClient(base_url=system.address("angarium"), trust_env=False, timeout=30) as client:
        (folder / "document.json").write_bytes((await client.get("/openapi.json")).content)
    command = (GENERATOR, "generate", "--path", "document.json", "--output-path", "made", "--meta", "none")
    return await _run(*command, folder=folder)


async def test_a_generated_client_is_complete_and_sends_mails(system: EmbeddedSystem, tmp_path: Path) -> None:
    said = await _generated(system, tmp_path)
    left_out = [line.partition("parsing ")[2] for line in said.splitlines() if line.startswith(("WARNING", "ERROR"))]
    assert all(line.startswith(LEFT_OUT) for line in left_out), said
    assert "Unable to process" not in said
    address = new_email()
    (tmp_path / "calls.py").write_text(CALLS)
    key = system.headers["X-API-Key"]
    said = await _run(sys.executable, "calls.py", system.address("angarium"), key, address, folder=tmp_path)
    found: dict[str, Any] = json.loads(said.splitlines()[-1])
    assert found.pop("created_at").endswith("+00:00")
    assert found.pop("b2b")[0] is True
    assert found == {
        "same": True,
        "listed": True,
        "total": 1,
        "refused": [True, "validation_error", "Validation failed"],
        "stored": ["Ann", 1, "pending"],
    }
    async with system.connected():
        [notification] = list((await system.client.get("/api/v1/notifications?request_id=made-1")).json()["data"])
        await system.wait_for(notification["notification_id"], "sent")
    assert system.sink.to(address)
    assert await until(lambda: system.sink.to(f"user-{address}"), 30)
