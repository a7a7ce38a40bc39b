"""The B2B surface, from the request to the arrival of the mail."""

from typing import Any

from tests.support.system import System
from tests.support.system_verbs import new_email, new_name
from tests.support.wait import until

HTML = "<p>Pay <b>{{ not_liquid }}</b> &amp; go</p>"


async def _sent(system: System, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = await system.client.post(f"/api/notifications/{path}", json=body)
    assert answer.status_code == 202, answer.text
    url = answer.json()["data"]["status_url"]

    async def done() -> dict[str, Any] | None:
        view: dict[str, Any] = (await system.client.get(url)).json()["data"]
        return view if view["status"] in {"sent", "failed"} else None

    found: dict[str, Any] | None = await until(done, 20)
    assert found is not None
    return found


async def test_inline_content_is_sent_unchanged(system: System) -> None:
    address, user = new_email(), new_name("user")
    body = {"email": address, "subject": "Your bill", "htmlContent": HTML, "userId": user}
    view = await _sent(system, "send", body)
    assert (view["status"], view["user_id"], view["attempts"], view["error"]) == ("sent", user, 1, None)
    [mail] = system.sink.mails_to(address)
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None
    assert html is not None
    assert mail["Subject"] == "Your bill"
    assert html.get_content().strip() == HTML
    assert text.get_content().strip() == "Pay {{ not_liquid }} & go"
    stats = (await system.client.get(f"/api/notifications/user/{user}/stats")).json()["data"]
    assert (stats["total"], stats["sent"], stats["last_sent_at"]) == (1, 1, view["sent_at"])


async def test_a_verification_mail_contains_its_link(system: System) -> None:
    address, link = new_email(), "https://shop.example/verify?token=a&user=b"
    body = {"email": address, "username": "Ann <b>", "verification_link": link}
    assert (await _sent(system, "send-verification", body))["subject"] == "Verify your email address"
    [mail] = system.sink.mails_to(address)
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None
    assert html is not None
    assert link in text.get_content()
    assert 'href="https://shop.example/verify?token=a&amp;user=b"' in html.get_content()
    assert "Ann &lt;b&gt;" in html.get_content()
