"""Delivery on each channel, from acceptance to arrival."""

import re
from datetime import datetime

from tests.support.system import System
from tests.support.system_verbs import new_email, new_name, new_phone


async def test_a_mail_arrives_as_rendered_from_its_template(system: System) -> None:
    address = new_email()
    user = await system.create_user(name="Ada Lovelace", email=address)
    template = await system.create_template(
        subject="Hello {{ name }}", content="<p>Hello <b>{{ name }}</b></p>", text="Hello {{ name }} in text"
    )

    accepted = await system.send(
        user_id=user["user_id"], template_code=template["code"], variables={"name": "Ada & Co"}, metadata={"order": 42}
    )
    assert accepted["status"] == "pending"
    assert accepted["delivery_status"] == "pending"
    assert accepted["status_url"] == f"/api/v1/notifications/{accepted['notification_id']}"
    found = await system.wait_for(accepted["notification_id"], "sent")

    [mail] = system.sink.mails_to(address)
    assert mail["From"] == "Angarium <notify@angarium.example>"
    assert mail["To"] == f"Ada Lovelace <{address}>"
    assert mail["Subject"] == "Hello Ada & Co"
    assert mail["X-Notification-ID"] == accepted["notification_id"]
    assert accepted["notification_id"] in mail["Message-ID"]
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None
    assert html is not None
    assert text.get_content().strip() == "Hello Ada & Co in text"
    assert "Hello <b>Ada &amp; Co</b>" in html.get_content()
    assert found["provider"] == "smtp"
    assert found["provider_message_id"] == mail["Message-ID"]


async def test_the_status_contains_all_fields(system: System) -> None:
    user = await system.create_user()
    template = await system.create_template(category="account")
    found = await system.deliver(
        user_id=user["user_id"],
        template_code=template["code"],
        variables={"name": "Ada"},
        metadata={"order": 42},
        priority=7,
        headers={"X-Correlation-ID": "c-42"},
    )
    assert (
        found.items()
        >= {
            "notification_type": "email",
            "user_id": user["user_id"],
            "recipient": None,
            "template_code": template["code"],
            "template_version": 1,
            "locale": "en",
            "category": "account",
            "priority": 7,
            "status": "sent",
            "delivery_status": "delivered",
            "reason": None,
            "attempts": 1,
            "variables": {"name": "Ada"},
            "metadata": {"order": 42},
            "correlation_id": "c-42",
            "fallback": [],
            "fallback_of": None,
            "send_at": None,
            "expires_at": None,
            "delivered_at": None,
        }.items()
    )
    times = [found["created_at"], found["sent_at"], found["updated_at"]]
    assert all(time.endswith("Z") for time in times)
    assert times == sorted(times, key=datetime.fromisoformat)
    alias = await system.client.get(f"/api/v1/notifications/{found['notification_id']}/status")
    assert alias.json()["data"] == found


async def test_the_timeline_is_complete_and_in_order(system: System) -> None:
    template = await system.create_template()
    found = await system.deliver(
        recipient={"email": new_email()}, template_code=template["code"], variables={"name": "Ada"}
    )
    events = await system.events(found["notification_id"])
    names = [event["event"] for event in events]
    assert names[0] == "accepted"
    assert names[-2:] == ["attempt", "sent"]
    assert [event["at"] for event in events] == sorted(event["at"] for event in events)
    attempt = events[-2]
    assert attempt["attempt"] == 1
    assert attempt["provider"] == "smtp"
    assert attempt["outcome"] == "sent"
    assert attempt["answer"].startswith("250")
    assert attempt["duration_ms"] >= 0
    assert events[0]["status"] == "pending"
    assert events[-1]["status"] == "sent"


async def test_a_push_reaches_every_device(system: System) -> None:
    first, second = new_name("token"), new_name("token")
    user = await system.create_user(push_token=first)
    added = await system.client.post(
        f"/api/v1/users/{user['user_id']}/devices", json={"platform": "fcm", "token": second}
    )
    assert added.status_code == 201
    template = await system.create_template(channel="push", title="Hi {{ name }}", body="It is {{ what }}", content="-")
    await system.deliver(
        notification_type="push",
        user_id=user["user_id"],
        template_code=template["code"],
        variables={"name": "Ada", "what": "time"},
    )
    for token in (first, second):
        [message] = await system.mailbox(channel="push", to=token)
        assert message["title"] == "Hi Ada"
        assert message["text"] == "It is time"


async def test_an_sms_arrives(system: System) -> None:
    phone = new_phone()
    user = await system.create_user(phone=phone)
    template = await system.create_template(channel="sms", content="Your code is {{ code }}", subject=None)
    found = await system.deliver(
        notification_type="sms", user_id=user["user_id"], template_code=template["code"], variables={"code": 1234}
    )
    [message] = await system.mailbox(channel="sms", to=phone)
    assert message["text"] == "Your code is 1234"
    [attempt] = [event for event in await system.events(found["notification_id"]) if event["event"] == "attempt"]
    assert (attempt["segments"], attempt["encoding"]) == (1, "GSM-7")
    assert message["notification_id"] == found["notification_id"]
    assert found["delivery_status"] == "delivered"


async def test_a_recipient_who_is_not_a_stored_user_gets_a_mail(system: System) -> None:
    address = new_email()
    template = await system.create_template()
    found = await system.deliver(
        recipient={"email": address, "name": "Grace"}, template_code=template["code"], variables={"name": "Grace"}
    )
    assert found["user_id"] is None
    assert found["recipient"]["email"] == address
    [mail] = system.sink.mails_to(address)
    assert mail["To"] == f"Grace <{address}>"


async def test_the_callers_locale_overrides_the_users(system: System) -> None:
    address = new_email()
    user = await system.create_user(email=address, locale="fr")
    template = await system.create_template(
        translations={
            "fr": {"subject": "Bonjour {{ name }}", "content": "<p>Bonjour {{ name }}</p>"},
            "de": {"subject": "Hallo {{ name }}", "content": "<p>Hallo {{ name }}</p>"},
        }
    )
    body = {"user_id": user["user_id"], "template_code": template["code"], "variables": {"name": "Ada"}}
    first = await system.deliver(**body)
    await system.deliver(**body, locale="de")
    assert first["locale"] == "fr"
    assert [mail["Subject"] for mail in system.sink.mails_to(address)] == ["Bonjour Ada", "Hallo Ada"]


async def test_an_urgent_notification_is_sent(system: System) -> None:
    address = new_email()
    template = await system.create_template()
    await system.deliver(
        recipient={"email": address}, template_code=template["code"], variables={"name": "Ada"}, priority=10
    )
    assert len(system.sink.to(address)) == 1


async def test_a_correlation_id_is_generated_if_none_is_given(system: System) -> None:
    template = await system.create_template()
    answer = await system.submit(
        recipient={"email": new_email()}, template_code=template["code"], variables={"name": "Ada"}
    )
    assert re.fullmatch(r"[\w-]{8,}", answer.headers["X-Correlation-ID"])
    assert answer.json()["data"]["correlation_id"] == answer.headers["X-Correlation-ID"]


async def test_a_delivery_report_changes_the_status_to_delivered(system: System) -> None:
    template = await system.create_template()
    found = await system.deliver(
        recipient={"email": new_email()}, template_code=template["code"], variables={"name": "Ada"}
    )
    report = {"notification_id": found["notification_id"], "status": "delivered", "timestamp": "2026-11-20T09:00:00Z"}
    answer = await system.client.post("/api/v1/email/status", json=report)
    assert answer.status_code == 200, answer.text
    delivered = await system.status(found["notification_id"])
    assert delivered["status"] == "delivered"
    assert delivered["delivery_status"] == "delivered"
    assert delivered["delivered_at"] is not None
    assert (await system.events(found["notification_id"]))[-1]["event"] == "delivered"
