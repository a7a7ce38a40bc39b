"""Mails to stored users say how to get no more of their kind."""

import io
import json
from email import message_from_bytes
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from angarium.channels.email.message import Sender, build_message
from angarium.contracts.statuses import Channel
from angarium.contracts.templates import ChannelSources
from angarium.contracts.users import ChannelSwitches, Preferences
from angarium.delivery.provider import Outbound
from angarium.delivery.settings import WorkerSettings
from angarium.delivery.unsubscribing import Unsubscribing, unsubscribing_of
from angarium.directory.preference_links import PreferenceLinks
from angarium.platform.clock import SystemClock
from angarium.platform.telemetry.logging import make_logger
from angarium.rendering.content import EmailContent
from tests.support.delivering import TEMPLATE, Bench, delivering

LINKS = PreferenceLinks("secret", SystemClock())
HEADERS = Unsubscribing(LINKS, "https://n.example/", ["security"])


async def _sent(bench: Bench, **fields: object) -> Outbound:
    [notification_id] = await bench.accept(1, **fields)
    await bench.ends_as(notification_id, "sent")
    return bench.provider.received[-1]


async def test_a_mail_to_a_stored_user_carries_the_link_that_belongs_to_it(tmp_path: Path) -> None:
    user_id = uuid4()
    async with delivering(tmp_path, unsubscribing=HEADERS) as bench:
        bench.directory.add_user(user_id)
        outbound = await _sent(bench, user_id=str(user_id), recipient=None, category="news")
        assert (await _sent(bench, user_id=str(user_id), recipient=None, category="security")).headers == {}
        assert (await _sent(bench, category="news")).headers == {}
    raw = build_message(outbound, sender=Sender.parse("n@n.example"), date=SystemClock().now())
    mail = message_from_bytes(raw)
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    address = str(mail["List-Unsubscribe"])
    assert address.startswith("<https://n.example/unsubscribe/")
    assert address.endswith(">")
    link = LINKS.read(address[1:-1].rpartition("/")[2])
    assert link is not None
    assert (link.tenant, link.user_id, link.category) == ("default", user_id, "news")
    assert all(len(line) < 998 for line in raw.split(b"\r\n"))


async def test_templates_have_the_links_of_the_user_whom_a_mail_is_for(tmp_path: Path) -> None:
    user_id = uuid4()
    source = "<a href='{{unsubscribe_url}}'>{{name}}</a> {{preferences_url}}"
    template = TEMPLATE.model_copy(
        update={
            "template_id": uuid4(),
            "required_variables": ["name", "unsubscribe_url"],  # as a version before there were links has it
            "locales": {"en": ChannelSources(email={"subject": "s", "html": source})},
        }
    )
    async with delivering(tmp_path, unsubscribing=HEADERS) as bench:
        bench.directory.add_user(user_id)
        bench.directory.templates["welcome"] = template
        stored = {"user_id": str(user_id), "recipient": None, "variables": '{"name":"Ann"}'}
        news = _html(await _sent(bench, category="news", **stored))
        mandatory = _html(await _sent(bench, category="security", **stored))
        own = _html(await _sent(bench, **{**stored, "variables": '{"name":"Ann","unsubscribe_url":"https://own"}'}))
        stranger = _html(await _sent(bench, variables='{"name":"Ann"}'))
    token = news.partition("/unsubscribe/")[2].partition("'")[0]
    assert news == f"<a href='https://n.example/unsubscribe/{token}'>Ann</a> https://n.example/preferences/{token}"
    link = LINKS.read(token)
    assert link is not None
    assert (link.user_id, link.category) == (user_id, "news")
    assert mandatory.startswith("<a href=''>Ann</a> https://n.example/preferences/")
    assert own.startswith("<a href='https://own'>Ann</a>")
    assert stranger == "<a href=''>Ann</a> "
    assert template.missing({"name": "Ann"}, [Channel.EMAIL]) == []


def _html(outbound: Outbound) -> str:
    assert isinstance(outbound.content, EmailContent)
    return outbound.content.html or ""


@pytest.mark.parametrize(
    ("public_url", "one_click"),
    [("https://n.example", True), ("HTTPS://n.example/x/", True), ("http://n.example", False)],
)
async def test_one_click_is_offered_by_https_alone(tmp_path: Path, public_url: str, one_click: bool) -> None:
    log, user_id = io.StringIO(), uuid4()
    settings = WorkerSettings(public_url=public_url)
    made = unsubscribing_of(settings, LINKS, make_logger("email", format="json", stream=log))
    async with delivering(tmp_path, unsubscribing=made) as bench:
        bench.directory.add_user(user_id)
        headers = (await _sent(bench, user_id=str(user_id), recipient=None)).headers
    assert headers["List-Unsubscribe"].startswith(f"<{public_url.rstrip('/')}/unsubscribe/")
    assert ("List-Unsubscribe-Post" in headers) is one_click
    warned = [line for line in map(json.loads, log.getvalue().splitlines()) if line["level"] == "warning"]
    assert [line["event"] for line in warned] == ([] if one_click else ["unsubscribe.no_one_click"])


async def test_in_development_links_lead_to_this_machine_and_nothing_is_warned_of(tmp_path: Path) -> None:
    log, user_id = io.StringIO(), uuid4()
    logger = make_logger("email", format="json", stream=log)
    assert unsubscribing_of(WorkerSettings(), LINKS, logger) is None
    made = unsubscribing_of(WorkerSettings(), LINKS, logger, local_url="http://localhost:8000")
    async with delivering(tmp_path, unsubscribing=made) as bench:
        bench.directory.add_user(user_id)
        headers = (await _sent(bench, user_id=str(user_id), recipient=None)).headers
    assert list(headers) == ["List-Unsubscribe"]
    assert headers["List-Unsubscribe"].startswith("<http://localhost:8000/unsubscribe/")
    assert log.getvalue() == ""


@pytest.mark.parametrize(("category", "status"), [("security", "sent"), ("news", "skipped")])
async def test_a_stored_opt_out_of_a_mandatory_category_does_not_count(
    tmp_path: Path, category: str, status: str
) -> None:
    user_id: UUID = uuid4()
    off = ChannelSwitches(email=False)
    async with delivering(tmp_path, mandatory=frozenset({"security"})) as bench:
        bench.directory.add_user(user_id, preferences=Preferences(categories={"security": off, "news": off}))
        [notification_id] = await bench.accept(user_id=str(user_id), recipient=None, category=category)
        await bench.ends_as(notification_id, status)
