"""Content of a notification beyond its template: attachments, copies and headers of a mail, and fields of a push."""

from base64 import b64encode
from typing import Any

from angarium.testing.smtp.sink import parsed
from tests.support.command import run_angarium
from tests.support.system import System
from tests.support.system_verbs import new_email, new_name

PDF, PNG = b"%PDF-1.7\r\n.\r\n" + bytes(range(256)), b"\x89PNG"


def attachment(name: str, content: bytes, **more: str) -> dict[str, Any]:
    return {
        "filename": name,
        "content_type": "application/octet-stream",
        "content": b64encode(content).decode(),
        **more,
    }


async def test_attachments_and_copies_of_a_mail_arrive(system: System) -> None:
    to, cc, bcc, suppressed = (new_email() for _ in range(4))
    answer = await system.client.post("/api/v1/suppressions", json={"channel": "email", "address": suppressed})
    assert answer.status_code == 200, answer.text
    template = await system.create_template(content='<img src="cid:logo"> {{ name }}')
    found = await system.deliver(
        recipient={"email": to},
        template_code=template["code"],
        variables={"name": "Ada"},
        attachments=[
            attachment("Rechnung für Ödön.pdf", PDF),
            attachment("logo.png", PNG, content_type="image/png", content_id="logo"),
        ],
        email={
            "from_name": "Söhne, Shop",
            "reply_to": "orders@example.org",
            "cc": [cc, suppressed],
            "bcc": [bcc],
            "headers": {"X-Order": "42", "List-Id": "<orders.example.org>"},
        },
    )
    [received] = system.sink.to(to)
    assert [address.split(">")[0].strip("<") for address in received.further] == [cc, bcc]
    mail = parsed(received)
    assert mail["From"].addresses[0].display_name == "Söhne, Shop"
    assert [address.addr_spec for address in mail["Cc"].addresses] == [cc]
    assert (mail["Reply-To"], mail["X-Order"], mail["List-Id"]) == (
        "orders@example.org",
        "42",
        "<orders.example.org>",
    )
    assert bcc.encode() not in received.data
    assert {part.get_filename(): part.get_payload(decode=True) for part in mail.walk() if part.get_filename()} == {
        "Rechnung für Ödön.pdf": PDF,
        "logo.png": PNG,
    }
    assert [(one["filename"], one["size"], one["content_id"]) for one in found["attachments"]] == [
        ("Rechnung für Ödön.pdf", len(PDF), None),
        ("logo.png", len(PNG), "logo"),
    ]
    assert found["email"]["cc"] == [cc, suppressed]
    [note] = [one for one in await system.events(found["notification_id"]) if one["event"] == "copies_left_out"]
    assert (note["reason"], note["cc"]) == ("suppressed", [suppressed])


async def test_the_fields_of_a_push_arrive(system: System) -> None:
    token = new_name("token")
    push = {
        "ttl": 60,
        "collapse_key": "order-42",
        "priority": "high",
        "badge": 1,
        "sound": "default",
        "actions": [{"id": "track", "title": "Track"}],
        "data": {"order": "42"},
    }
    template = await system.create_template(channel="push", subject=None, content="Hello {{ name }}")
    found = await system.deliver(
        notification_type="push",
        recipient={"push_token": token},
        template_code=template["code"],
        variables={"name": "Ada"},
        push=push,
    )
    [message] = await system.mailbox(channel="push", to=token)
    assert (message["push"], found["push"]) == (push, push)


async def test_the_command_line_attaches_files(system: System) -> None:
    to, cc = new_email(), new_email()
    template = await system.create_template()
    (system.folder / "notes é.txt").write_text("hello")
    status, accepted, complaints = await run_angarium(
        system,
        *("send", "email", template["code"], to, "--var", "name=Ada"),
        *("--attach", str(system.folder / "notes é.txt"), "--cc", cc, "--reply-to", "r@example.org"),
    )
    assert (status, complaints) == (0, "")
    await system.wait_for(accepted["notification_id"], "sent")
    [received] = system.sink.to(to)
    [part] = [part for part in parsed(received).walk() if part.get_filename()]
    assert (part.get_filename(), part.get_content_type()) == ("notes é.txt", "text/plain")
    assert part.get_payload(decode=True) == b"hello"
    assert len(received.further) == 1
