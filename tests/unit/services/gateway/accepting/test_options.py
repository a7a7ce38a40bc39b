"""`email`, `push` and `attachments` of a request: what is refused, what is stored, what is shown."""

import json
from base64 import b64encode, encodebytes
from typing import Any
from uuid import UUID

from angarium.contracts.attachments import MOST_BYTES
from angarium.contracts.notifications import NotificationRequest
from angarium.notifications.model import Claimed
from angarium.notifications.options import EmailOptions, PushOptions
from angarium.services.gateway.accepting.candidate import Candidate
from tests.unit.services.gateway.conftest import PATH, World, error_of, fields_of

PDF = b"%PDF-1.7\n" + bytes(range(256))
FILE: dict[str, Any] = {
    "filename": "invoice.pdf",
    "content_type": "application/pdf",
    "content": b64encode(PDF).decode(),
}
UNSAFE = ["a\r\nBcc: x@y.z", "a\nb", "a\rb", "a\u2028b", "a\x85b", "a\x00", "A =?UTF-8?Q?=0A?=Bcc: x@y.z", "a\tb"]


def file(**changes: Any) -> dict[str, Any]:
    return {**FILE, **changes}


async def claimed(world: World, notification_id: str) -> Claimed:
    identifier = UUID(notification_id)
    token, lease = UUID(int=9), world.gateway.acceptor._parts.rules.outbox_lease
    [claim] = await world.store.claim([identifier], token=token, lease=lease, worker="test")
    assert isinstance(claim, Claimed)
    return claim


async def test_attachments_are_stored_beside_the_record_and_shown_by_name_and_size(world: World) -> None:
    picture = file(filename="logo é.png", content_type="image/png", content="AAAA", content_id="logo")
    sent = await world.send(attachments=[FILE, picture])
    assert sent.status_code == 202, sent.text
    identifier = sent.json()["data"]["notification_id"]
    shown = (await world.client.get(f"{PATH}/{identifier}")).json()["data"]
    assert shown["attachments"] == [
        {"filename": "invoice.pdf", "content_type": "application/pdf", "size": len(PDF), "content_id": None},
        {"filename": "logo é.png", "content_type": "image/png", "size": 3, "content_id": "logo"},
    ]
    assert await world.store.attachments(UUID(identifier)) == [PDF, b"\0\0\0"]
    assert [info.size for info in (await claimed(world, identifier)).options.attachments] == [len(PDF), 3]


async def test_a_name_in_a_media_type_is_left_out(world: World) -> None:
    invitation = file(filename="a.ics", content_type='text/calendar; name="b.ics"; method=REQUEST')
    sent = await world.send(attachments=[invitation])
    shown = (await world.client.get(f"{PATH}/{sent.json()['data']['notification_id']}")).json()["data"]
    assert shown["attachments"][0]["content_type"] == "text/calendar; method=REQUEST"


async def test_the_fields_of_a_channel_are_claimed_and_shown_as_they_were_given(world: World) -> None:
    email = {
        "from_name": "Shop",
        "reply_to": "orders@example.com",
        "cc": ["a@bücher.example"],
        "bcc": ["b@example.com"],
        "headers": {"X-Order": "42", "In-Reply-To": "<1@example.com>"},
    }
    push = {"ttl": 60, "collapse_key": "k", "priority": "high", "badge": 0, "sound": "default", "data": {"a": "1"}}
    sent = await world.send(email=email, push=push, fallback=["push"])
    identifier = sent.json()["data"]["notification_id"]
    shown = (await world.client.get(f"{PATH}/{identifier}")).json()["data"]
    assert shown["email"] == {**email, "cc": ["a@xn--bcher-kva.example"]}
    assert (shown["push"], shown["attachments"]) == (push, [])
    options = (await claimed(world, identifier)).options
    assert options.email == EmailOptions(
        from_name="Shop",
        reply_to="orders@example.com",
        cc=("a@xn--bcher-kva.example",),
        bcc=("b@example.com",),
        headers=email["headers"],  # type: ignore[arg-type]  # a test's values
    )
    assert options.push == PushOptions(
        ttl=60, collapse_key="k", priority="high", badge=0, sound="default", data={"a": "1"}
    )


WRONG: list[tuple[dict[str, Any], list[str]]] = [
    ({"attachments": [file(content="no base64")]}, ["attachments.0.content"]),
    ({"attachments": [FILE, file(content="AAAA=")]}, ["attachments.1.content"]),
    ({"attachments": [file(content="AA==AAAA")]}, ["attachments.0.content"]),
    ({"attachments": [file(filename="../a.pdf")]}, ["attachments.0.filename"]),
    ({"attachments": [file(filename="a\u202efdp.exe")]}, ["attachments.0.filename"]),
    ({"attachments": [file(content_type="pdf")]}, ["attachments.0.content_type"]),
    ({"attachments": [file(content_type="message/rfc822")]}, ["attachments.0.content_type"]),
    ({"attachments": [file(content_type="text/plain; boundary=x")]}, ["attachments.0.content_type"]),
    ({"attachments": [file(content_id="a>b")]}, ["attachments.0.content_id"]),
    ({"attachments": [file(content_id="a"), file(content_id="a")]}, ["attachments.1.content_id"]),
    ({"attachments": [file(size=1)]}, ["attachments.0.size"]),
    ({"attachments": [FILE], "notification_type": "sms"}, ["attachments"]),
    ({"email": {}, "notification_type": "sms"}, ["email"]),
    ({"push": {}}, ["push"]),
    ({"email": {"cc": ["x"]}}, ["email.cc.0"]),
    ({"email": {"bcc": ["a@example.com, b@example.com"]}}, ["email.bcc.0"]),
    ({"email": {"reply_to": "Ada <a@example.com>"}}, ["email.reply_to"]),
    ({"email": {"cc": ["a@example.com"] * 11, "bcc": ["b@example.com"] * 10}}, ["email.cc"]),
    ({"email": {"cc": ["a@example.com"] * 21}}, ["email.cc"]),
    ({"email": {"from_name": " "}}, ["email.from_name"]),
    ({"email": {"to": "a@example.com"}}, ["email.to"]),
    ({"email": {"headers": {"Bcc": "a@example.com"}}}, ["email.headers.Bcc"]),
    ({"email": {"headers": {"X-SMTPAPI": "{}"}}}, ["email.headers.X-SMTPAPI"]),
    ({"email": {"headers": {"X-A": "1", "x-a": "2"}}}, ["email.headers.x-a"]),
    ({"email": {"headers": {"X-A\r\nBcc": "1"}}}, ["email.headers"]),
    ({"push": {"ttl": -1}, "notification_type": "push"}, ["push.ttl"]),
    ({"push": {"priority": "urgent"}, "notification_type": "push"}, ["push.priority"]),
    ({"push": {"data": {"a": 1}}, "notification_type": "push"}, ["push.data.a"]),
    ({"push": {"data": {"google.x": "1"}}, "notification_type": "push"}, ["push.data.google.x"]),
    ({"push": {"data": {"a": "x" * 5000}}, "notification_type": "push"}, ["push.data"]),
    ({"push": {"actions": [{"id": "a", "title": "A"}] * 5}, "notification_type": "push"}, ["push.actions"]),
    ({"push": {"actions": [{"id": "a", "title": "A"}] * 2}, "notification_type": "push"}, ["push.actions"]),
]


async def test_what_is_wrong_is_named(world: World) -> None:
    for changes, fields in WRONG:
        answer = await world.send(**changes)
        assert (answer.status_code, error_of(answer)["code"]) == (400, "validation_error"), changes
        assert fields_of(answer) == fields, changes


async def test_no_text_of_a_mail_can_break_out_of_its_header(world: World) -> None:
    for changes, field in (case for text in UNSAFE for case in poisoned(text)):
        answer = await world.send(**changes)
        assert (answer.status_code, fields_of(answer)) == (400, [field]), changes


def poisoned(text: str) -> list[tuple[dict[str, Any], str]]:
    """Each field of a mail with `text` in it."""
    return [
        ({"attachments": [file(filename=text)]}, "attachments.0.filename"),
        ({"attachments": [file(content_type=f"text/plain; a={text}")]}, "attachments.0.content_type"),
        ({"attachments": [file(content_id=text)]}, "attachments.0.content_id"),
        ({"email": {"from_name": text}}, "email.from_name"),
        ({"email": {"headers": {"X-Order": text}}}, "email.headers.X-Order"),
        ({"email": {"reply_to": f"{text}@example.com"}}, "email.reply_to"),
        ({"email": {"cc": [f"a@example.com{text}"]}}, "email.cc.0"),
        ({"email": {"bcc": [text]}}, "email.bcc.0"),
    ]


async def test_the_limits_of_bodies(world: World) -> None:
    """256 KB, and with attachments 16 MB: 10 MB of files, and beside them as much as without."""
    most = {**FILE, "content": encodebytes(b"\xff" * MOST_BYTES).decode()}
    assert (await world.send(request_id="a", attachments=[most])).status_code == 202
    over = await world.send(request_id="b", attachments=[most, file(content="AAAA")])
    assert (over.status_code, fields_of(over)) == (400, ["attachments"])
    large = {"name": "x" * 300_000}
    for changes in ({}, {"attachments": [FILE]}, {"attachments": {"content": "x"}}, {"no_such_field": 1}):
        answer = await world.send(variables=large, **changes)
        assert (answer.status_code, error_of(answer)["code"]) == (413, "payload_too_large"), changes
    raw = await world.client.post(PATH, content=b"{" + b" " * 300_000, headers={"content-type": "application/json"})
    assert raw.status_code == 413, "refused before anyone asks whether it is JSON"
    body = json.dumps(world.body(attachments=[file(content="A" * 17_000_000)]))
    answer = await world.client.post(PATH, content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 413


async def test_attachments_count_for_idempotency(world: World) -> None:
    first = await world.send(attachments=[FILE], email={"cc": ["a@example.com"]})
    again = await world.send(
        attachments=[file(content=encodebytes(PDF).decode())], email={"cc": ["a@example.com"], "bcc": []}
    )
    assert again.json()["data"]["notification_id"] == first.json()["data"]["notification_id"]
    assert again.headers["idempotent-replayed"] == "true"
    others: list[dict[str, Any]] = [
        {"attachments": [file(content="AAAA")]},
        {"attachments": [file(filename="other.pdf")]},
        {"email": {"cc": ["b@example.com"]}},
        {"attachments": None},
    ]
    for changes in others:
        given = {"attachments": [FILE], "email": {"cc": ["a@example.com"]}, **changes}
        assert (await world.send(**given)).status_code == 409, changes


async def test_a_request_without_options_has_the_fingerprint_that_it_had_before_there_were_any() -> None:
    request = NotificationRequest.model_validate(
        {"notification_type": "email", "recipient": {"email": "a@example.com"}, "template_code": "x", "request_id": "r"}
    )
    assert Candidate.of(request, str).fingerprint.hex() == (
        "c62716a0d7ffd11658ca7505488b67a63f8d44811df973a48ed4d8c89e799bb8"
    )


async def test_an_item_of_a_bulk_may_have_attachments_within_its_256_kb(world: World) -> None:
    items = [
        world.body(request_id="a", attachments=[FILE]),
        world.body(request_id="b", attachments=[file(content="?")]),
        world.body(request_id="c", attachments=[file(content="A" * 300_000)]),
        world.body(request_id="d"),
    ]
    answer = await world.client.post(f"{PATH}/bulk", json={"notifications": items})
    results = answer.json()["data"]["results"]
    errors = [(one.get("error") or {}).get("code") for one in results]
    assert errors == [None, "validation_error", "payload_too_large", None]
    assert results[1]["error"]["details"][0]["field"] == "attachments.0.content"
    assert await world.store.attachments(UUID(results[0]["notification_id"])) == [PDF]
