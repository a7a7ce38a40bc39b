"""Whatever stands in a name, a link, a mail or an error: no page and no mail of ours runs it."""

import re
from collections.abc import Mapping
from html.parser import HTMLParser
from pathlib import Path

import httpx2
import pytest

import angarium
from angarium.contracts.statuses import Channel
from angarium.contracts.users import ChannelSwitches, Preferences
from angarium.directory.built_in.templates import VERIFICATION, WithBuiltIn
from angarium.rendering.content import EmailContent
from angarium.rendering.renderer import Renderer
from angarium.services.users.page.page import Shown, choice, page
from angarium.services.users.page.texts import LANGUAGES
from tests.security.whole import SERVICE_TOKEN, World
from tests.unit.services.gateway.directory import MemoryTemplates

SCRIPTS = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror='alert(1)'>",
    "'><svg/onload=alert(1)>",
    "</title></style></textarea><script src=//evil.example></script>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "javascript:alert(1)",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "\u2028<script\x0c>alert(1)</script>",
    "{{ ''.__class__ }}<script>",
]
LINKS = [
    "javascript:alert(1)",
    " javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "java\tscript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:x",
    "//evil.example",
    "https:evil",
    "http://",
    "https://a\r\nx: y",
    "\x01https://a",
    "file:///etc/passwd",
]
PAGES = ("/", "/dashboard/sign-in", "/docs", "/mailbox", "/preferences/none", "/unsubscribe/none")
LOCAL: Mapping[str, str] = {"host": "localhost", "accept": "text/html,application/xhtml+xml"}
FOLLOWED = frozenset({"href", "src", "action", "formaction", "data", "background"})
RUNS = re.compile(r"\s*(javascript|data|vbscript):", re.IGNORECASE)
EMPTY_ICON = "data:,"
WRITES_HTML = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|srcdoc")
ACTIVE = frozenset({"script", "iframe", "object", "embed", "svg", "base", "form", "img", "link"})


class Elements(HTMLParser):
    """The elements of a document and their attributes, as a browser would see them."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self.words = ""
        self.feed(document)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        self.words += data

    def names(self) -> list[str]:
        """The elements that do something."""
        return [tag for tag, _ in self.found if tag in ACTIVE]

    def handlers(self) -> list[str]:
        """Attributes with script in them."""
        return [
            f"{name}={value}"
            for _, attributes in self.found
            for name, value in attributes.items()
            if name.startswith("on") or (name in FOLLOWED and RUNS.match(value) and value != EMPTY_ICON)
        ]


@pytest.mark.parametrize("text", SCRIPTS)
def test_a_category_is_text_on_the_preference_page(text: str) -> None:
    texts = LANGUAGES["en"]
    off = Preferences(categories={text: ChannelSwitches(push=False)})
    plain = Elements(page(_shown(Preferences(), "x"), texts, token="t"))
    shown = Elements(page(_shown(off, text), texts, token=text))
    assert (shown.names(), shown.handlers()) == (plain.names(), [])
    assert texts.title(text) in shown.words
    forms = [attributes["action"] for tag, attributes in shown.found if tag == "form"]
    assert forms == [f"/preferences/{text}"] * 2
    ticked = "&".join(attributes["name"] for tag, attributes in shown.found if attributes.get("type") == "checkbox")
    assert ticked
    assert choice(b"", None).categories == {}


def _shown(preferences: Preferences, text: str) -> Shown:
    return Shown(
        preferences=preferences,
        categories=[text],
        always=[text],
        category=text,
        channel="email",
        can_stop=True,
        sender=text,
        address=text,
        saved=True,
    )


@pytest.mark.parametrize("text", SCRIPTS)
async def test_a_name_is_text_in_the_verification_mail(text: str) -> None:
    template = await WithBuiltIn(MemoryTemplates()).published("t", VERIFICATION)
    assert template is not None
    variables = {"username": text, "verification_link": f"https://x.test/?a={text}", "subject": "s"}
    plain = {"username": "x", "verification_link": "https://x.test/", "subject": "s"}
    shown, usual = (Renderer().render(template, Channel.EMAIL, None, given) for given in (variables, plain))
    assert isinstance(shown, EmailContent)
    assert isinstance(usual, EmailContent)
    assert shown.html is not None
    assert usual.html is not None
    assert Elements(shown.html).names() == Elements(usual.html).names()
    assert Elements(shown.html).handlers() == []
    assert text in Elements(shown.html).words


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("link", LINKS)
async def test_a_link_that_is_no_web_link_is_refused(world: World, link: str) -> None:
    body = {"email": "a@example.com", "username": "a", "verification_link": link}
    answer = await world.client.post("/api/notifications/send-verification", json=body, headers=world.mine)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["details"][0]["field"] in {"verification_link", "verificationLink"}


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("path", PAGES)
async def test_every_page_has_a_policy_without_foreign_or_inline_scripts(world: World, path: str) -> None:
    answer = await world.client.get(path, headers=LOCAL)
    assert answer.headers["content-type"].startswith("text/html"), answer.text
    policy = dict(part.strip().partition(" ")[::2] for part in answer.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy.get("script-src", "'none'") in {"'none'", "'self'"}
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    elements = Elements(answer.text)
    assert elements.handlers() == []
    scripts = [attributes for tag, attributes in elements.found if tag == "script"]
    assert all(attributes.get("src", "").startswith("/") for attributes in scripts)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("text", SCRIPTS[:5])
async def test_what_is_echoed_is_json_and_what_was_caught_is_in_a_sandbox(world: World, text: str) -> None:
    for method, path in (("GET", f"/{text}"), ("GET", f"/api/v1/users/{text}"), ("POST", "/api/v1/users")):
        answer = await world.client.request(method, path, json={text: text}, headers=world.mine)
        assert answer.headers["content-type"] == "application/json"
    mail = await handed_in(world, text)
    shown = await world.client.get(f"/mailbox/messages/{mail}/html", headers=LOCAL)
    assert shown.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    listed = await world.client.get("/mailbox/messages", headers=LOCAL)
    assert listed.headers["content-type"] == "application/json"


async def handed_in(world: World, text: str) -> str:
    """The id of a mail in the mailbox that is nothing but script."""
    body = {"channel": "email", "to": "x@example.com", "subject": text, "html": text, "text": text}
    headers = {"x-service-token": SERVICE_TOKEN, "x-angarium-tenant": "a"}
    assert (await world.client.post("/internal/v1/mailbox/messages", json=body, headers=headers)).status_code == 201
    listed = await world.client.get("/api/v1/mailbox/messages", headers=world.mine)
    return str(listed.json()["data"][0]["id"])


@pytest.mark.asyncio(loop_scope="module")
async def test_a_preview_is_data(world: World) -> None:
    made = {"code": "script", "subject": "{{ a }}", "content": "<p>{{ a }}</p>"}
    assert (await world.client.post("/api/v1/templates", json=made, headers=world.mine)).status_code == 201
    answer = await world.client.post(
        "/api/v1/templates/script/preview", json={"variables": {"a": SCRIPTS[0]}}, headers=world.mine
    )
    assert answer.headers["content-type"] == "application/json"
    assert "<script" not in answer.json()["data"]["html"]


@pytest.mark.asyncio(loop_scope="module")
async def test_no_foreign_page_may_ask_in_a_browsers_name(world: World) -> None:
    """No CORS: neither a simple request's answer nor a preflight lets another origin in."""
    origin = {"origin": "https://evil.example", "access-control-request-method": "DELETE"}
    for method, path in (("OPTIONS", "/mailbox/messages"), ("GET", "/mailbox/messages"), ("OPTIONS", "/api/v1/users")):
        answer: httpx2.Response = await world.client.request(method, path, headers={**LOCAL, **origin})
        assert "access-control-allow-origin" not in answer.headers
        assert method == "GET" or answer.status_code in {404, 405}


def test_no_script_of_ours_writes_html() -> None:
    folder = Path(angarium.__file__).parent
    scripts = list(folder.rglob("*.js"))
    assert len(scripts) >= 2
    for script in scripts:
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|srcdoc",
            script.read_text("utf-8"),
        ), script
