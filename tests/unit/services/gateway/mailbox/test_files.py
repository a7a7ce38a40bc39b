"""What a mail carries: its source, its attachments, the pictures of its HTML; and how they are handed out."""

from collections.abc import AsyncIterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from angarium.contracts.attachments import AttachmentView
from angarium.contracts.mailbox import CaughtMessage
from angarium.contracts.statuses import Channel
from angarium.services.gateway.mailbox.smtp_catcher import caught
from angarium.services.gateway.mailbox.views import disposition
from tests.support.mailbox_gateway import MailboxGateway, mailbox_gateway

LIST = "/api/v1/mailbox/messages"
PNG = b"\x89PNG\r\n"


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[MailboxGateway]:
    async with mailbox_gateway(tmp_path) as made:
        yield made


def a_mail() -> EmailMessage:
    mail = EmailMessage()
    mail["Subject"], mail["From"], mail["To"] = "Invoice", "shop@x.test", "a@x.test"
    mail.set_content("text")
    mail.add_alternative("<img src='cid:logo'><img src='http://elsewhere.test/x.png'>", subtype="html")
    mail.add_attachment(PNG, maintype="image", subtype="png", filename="logo.png", cid="<logo>", disposition="inline")
    mail.add_attachment(b"<script>1</script>", maintype="text", subtype="html", filename="../a\u202egpj.html")
    return mail


async def catch(gateway: MailboxGateway, raw: bytes, *, recipients: tuple[str, ...] = ("a@x.test",)) -> str:
    """Keep a mail as the SMTP server does; the address of its newest message."""
    await gateway.store.add("default", caught(raw, "b@x.test", recipients), source=raw)
    return await newest(gateway)


async def hand_in(gateway: MailboxGateway, **values: Any) -> str:
    """Keep a mail as a worker hands it in; the address of its message."""
    body = {"channel": Channel.EMAIL, "to": "jörg@x.test", "sender": "Shöp <shop@x.test>", "subject": "Grüße", **values}
    await gateway.store.add("default", [CaughtMessage(**body)])
    return await newest(gateway)


async def newest(gateway: MailboxGateway) -> str:
    async with gateway.client(key="reader") as client:
        return f"{LIST}/{(await client.get(LIST)).json()['data'][0]['id']}"


async def get(gateway: MailboxGateway, path: str, key: str | None = "reader") -> httpx2.Response:
    async with gateway.client(key=key) as client:
        return await client.get(path)


def is_safe(answer: httpx2.Response) -> bool:
    """Whether a browser saves the answer and never runs it."""
    headers = answer.headers
    return (
        headers["content-disposition"].startswith("attachment;")
        and headers["x-content-type-options"] == "nosniff"
        and headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    )


async def test_a_mail_by_smtp_is_given_back_as_it_came(gateway: MailboxGateway) -> None:
    raw = a_mail().as_bytes()
    path = await catch(gateway, raw, recipients=("a@x.test", "c@x.test"))
    answer = await get(gateway, f"{path}/raw")
    assert (answer.status_code, answer.content) == (200, raw)
    assert answer.headers["content-type"] == "message/rfc822"
    assert ".eml" in answer.headers["content-disposition"]
    assert is_safe(answer)


async def test_attachments_are_downloaded_and_never_opened(gateway: MailboxGateway) -> None:
    path = await catch(gateway, a_mail().as_bytes())
    listed = (await get(gateway, path)).json()["data"]["attachments"]
    assert [(one["content_type"], one["size"], one["content_id"]) for one in listed] == [
        ("image/png", 6, "logo"),
        ("text/html", 18, None),
    ]
    answer = await get(gateway, f"{path}/attachments/1")
    assert (answer.status_code, answer.content) == (200, b"<script>1</script>")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert is_safe(answer)
    assert "../" not in answer.headers["content-disposition"]
    for wrong, status in (("2", 404), ("-1", 400), ("x", 400)):
        assert (await get(gateway, f"{path}/attachments/{wrong}")).status_code == status


async def test_a_mail_of_a_worker_has_a_source_made_of_its_parts(gateway: MailboxGateway) -> None:
    notification_id = uuid4()
    gateway.files[notification_id] = (b"%PDF",)
    info = AttachmentView(filename="r\u00e9sum\u00e9.pdf", content_type="application/pdf; x=y", size=4)
    headers = {"Message-ID": "<k@mailbox>", "Reply-To": "help@x.test", "X-Odd": "a\r\nBcc: evil@x.test"}
    path = await hand_in(
        gateway, text="hé", html="<p>hé</p>", headers=headers, notification_id=notification_id, attachments=[info]
    )
    answer = await get(gateway, f"{path}/raw")
    mail = message_from_bytes(answer.content, policy=policy.default)
    assert (mail["Subject"], mail["From"], mail["To"]) == ("Grüße", "Shöp <shop@x.test>", "jörg@x.test")
    assert (mail["Message-ID"], mail["Reply-To"], mail["Bcc"]) == ("<k@mailbox>", "help@x.test", None)
    html, plain = mail.get_body(("html",)), mail.get_body(("plain",))
    assert html is not None
    assert plain is not None
    assert (html.get_content().strip(), plain.get_content().strip()) == ("<p>hé</p>", "hé")
    [file] = list(mail.iter_attachments())
    assert (file.get_filename(), file.get_payload(decode=True)) == ("résumé.pdf", b"%PDF")
    assert (await get(gateway, f"{path}/attachments/0")).content == b"%PDF"


async def test_what_is_erased_is_not_there(gateway: MailboxGateway) -> None:
    info = AttachmentView(filename="a.pdf", content_type="application/pdf", size=4)
    path = await hand_in(gateway, text="t", notification_id=uuid4(), attachments=[info])
    answer = await get(gateway, f"{path}/attachments/0")
    assert answer.status_code == 404
    assert "no longer stored" in answer.json()["message"]
    assert (await get(gateway, f"{path}/raw")).status_code == 200


@pytest.mark.parametrize("channel", [Channel.PUSH, Channel.SMS, Channel.WEBHOOK])
async def test_only_a_mail_has_a_source(gateway: MailboxGateway, channel: Channel) -> None:
    path = await hand_in(gateway, channel=channel, text="t")
    assert (await get(gateway, f"{path}/raw")).status_code == 404


@pytest.mark.parametrize("key", [None, "sender", "stranger"])
async def test_files_are_for_those_who_may_read_the_message(gateway: MailboxGateway, key: str | None) -> None:
    path = await catch(gateway, a_mail().as_bytes())
    expected = {None: 401, "sender": 403, "stranger": 404}[key]
    for part in ("", "/raw", "/attachments/0"):
        assert (await get(gateway, f"{path}{part}", key)).status_code == expected


async def test_one_message_is_deleted(gateway: MailboxGateway) -> None:
    kept = await catch(gateway, a_mail().as_bytes())
    path = await hand_in(gateway, text="t")
    for key, status in ((None, 401), ("reader", 403), ("stranger", 404), ("admin", 200), ("admin", 404)):
        async with gateway.client(key=key) as client:
            assert (await client.delete(path)).status_code == status
    assert (await get(gateway, path)).status_code == 404
    assert (await get(gateway, kept)).status_code == 200


async def test_search_and_parts_of_addresses_are_parameters(gateway: MailboxGateway) -> None:
    await catch(gateway, a_mail().as_bytes())
    await hand_in(gateway, text="another")
    for query, total in (("q=INVOICE", 1), ("q=another&to=rg@x", 1), ("q=another&to=a@x", 0), ("to=@x.test", 2)):
        assert (await get(gateway, f"{LIST}?{query}")).json()["meta"]["total"] == total, query
    assert (await get(gateway, f"{LIST}?q={'x' * 201}")).status_code == 400


async def test_the_page_shows_own_pictures_and_remote_ones_when_asked(gateway: MailboxGateway) -> None:
    path = (await catch(gateway, a_mail().as_bytes())).replace("/api/v1", "")
    shown = await get(gateway, f"{path}/html", None)
    assert "src='data:image/png;base64,iVBORw0K'" in shown.text
    assert "img-src data:;" in shown.headers["content-security-policy"]
    asked = await get(gateway, f"{path}/html?images=true", None)
    assert "img-src data: https: http:;" in asked.headers["content-security-policy"]
    assert asked.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    assert "script-src" not in asked.headers["content-security-policy"]


async def test_the_page_has_the_files_and_the_delete_without_a_key(gateway: MailboxGateway) -> None:
    path = (await catch(gateway, a_mail().as_bytes())).replace("/api/v1", "")
    for part in ("/raw", "/attachments/0"):
        answer = await get(gateway, path + part, None)
        assert answer.status_code == 200
        assert is_safe(answer)
    assert (await get(gateway, path, None)).json()["data"]["subject"] == "Invoice"
    async with gateway.client(peer="192.168.1.7") as client:
        assert (await client.get(f"{path}/raw")).status_code == 403
        assert (await client.delete(path)).status_code == 403
    async with gateway.client() as client:
        assert (await client.delete(path)).json()["data"] == {"deleted": 1}
        assert (await client.delete(path)).status_code == 404


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.pdf", "attachment; filename=\"a.pdf\"; filename*=UTF-8''a.pdf"),
        ('a"\r\nX: y.pdf', "attachment; filename=\"a___X_ y.pdf\"; filename*=UTF-8''a___X_%20y.pdf"),
        ("été.pdf", "attachment; filename=\"_t_.pdf\"; filename*=UTF-8''%C3%A9t%C3%A9.pdf"),
        ("../../etc/passwd", "attachment; filename=\"_.._etc_passwd\"; filename*=UTF-8''_.._etc_passwd"),
        ("a\u202efdp.exe", "attachment; filename=\"a_fdp.exe\"; filename*=UTF-8''a_fdp.exe"),
        (" .. ", "attachment; filename=\"attachment\"; filename*=UTF-8''attachment"),
    ],
)
def test_a_name_is_safe_to_save(name: str, expected: str) -> None:
    assert disposition(name) == expected
