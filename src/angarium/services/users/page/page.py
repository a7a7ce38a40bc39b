"""The preference page: one HTML document without scripts and foreign resources.

Links are valid for more than a year and mails are forwarded, so the only personal data shown is a masked address.
"""

import hashlib
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from urllib.parse import parse_qs

from angarium.contracts.errors import ValidationFailed
from angarium.contracts.statuses import Channel
from angarium.contracts.users import ChannelSwitches, Preferences
from angarium.platform.http.pages.style import styled
from angarium.services.users.page.texts import Texts
from angarium.services.users.people.model import Person
from angarium.services.users.preferences.choice import Choice

CHANNELS = tuple(channel.value for channel in Channel)
STOP = "act=unsubscribe"
"""The form of the unsubscribe button."""
FIELDS = 1000
"""Maximum form fields that are read."""
_OWN_STYLE = """
main { max-width: 34rem; margin: clamp(0rem, 8vw, 4rem) auto; padding: 1.5rem clamp(1rem, 5vw, 2rem) 2rem; }
@media (min-width: 36rem) {
  main { background: var(--paper); border: 1px solid var(--line); border-radius: 14px; box-shadow: var(--shadow); }
}
h1 { margin: 0 0 .3rem; font-size: 1.6rem; }
h2 { margin: 1.75rem 0 .3rem; font-size: 1.15rem; }
p { margin: 0 0 .75rem; color: var(--quiet); overflow-wrap: anywhere; }
p.done { color: var(--ink); font-weight: 600; }
form > button { margin-top: .5rem; }
p[role="status"] { margin: 1rem 0; padding: .6rem .9rem; border-radius: 8px; border: 1px solid; color: var(--green); }
table { border-collapse: collapse; width: 100%; margin: 1.25rem 0 1.5rem; }
th, td { padding: 0; text-align: center; border-bottom: 1px solid var(--line); }
thead th { padding: .4rem .2rem; font-size: .85rem; font-weight: 600; color: var(--quiet); }
th:first-child { text-align: left; font-weight: 500; overflow-wrap: anywhere; }
tbody tr:first-child th { font-weight: 650; }
label { display: grid; place-items: center; min-height: 2.9rem; min-width: 2.9rem; cursor: pointer; }
input[type="checkbox"] { width: 1.25rem; height: 1.25rem; min-height: 0; accent-color: var(--accent); cursor: pointer; }
button { width: 100%; min-height: 2.75rem; }
"""


@cache
def _style() -> str:
    return styled(_OWN_STYLE)


@cache
def headers() -> Mapping[str, str]:
    """Headers of every answer. The page's URL is a secret and must not leak: no referrer, no cache, no index."""
    digest = b64encode(hashlib.sha256(_style().encode()).digest()).decode()
    return {
        "content-security-policy": (
            f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; form-action 'self'; base-uri 'none'; "
            "frame-ancestors 'none'"
        ),
        "cache-control": "no-store",
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
        "x-robots-tag": "noindex",
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """The content of the page. `categories`: those with switches; `always`: those without.

    `category`, `channel`: of the link; `category` is None if the link is about the whole channel. `can_stop`: the
    link's category can be disabled. `address`: the person's masked address on the channel.
    """

    preferences: Preferences
    categories: Sequence[str]
    always: Sequence[str]
    category: str | None
    channel: str
    can_stop: bool
    sender: str
    address: str | None
    saved: bool


def page(shown: Shown, texts: Texts, *, token: str) -> str:
    """The form with the current preferences; it is submitted to the page's own URL."""
    preferences = shown.preferences
    rows = [_row(texts, texts.all_messages, "", {name: getattr(preferences, name) for name in texts.channels})]
    rows += [
        _row(texts, texts.title(name), f"category.{name}.", _of(preferences.categories.get(name), texts))
        for name in shown.categories
    ]
    hidden = "".join(f'<input type="hidden" name="category" value="{escape(name)}">' for name in shown.categories)
    heads = "".join(f'<th scope="col">{escape(name)}</th>' for name in texts.channels.values())
    always = texts.always.format(titles=", ".join(texts.title(name) for name in shown.always)) if shown.always else ""
    return _document(
        texts,
        texts.heading,
        f"{_facts(shown, texts)}{_paragraph(texts.saved, status=True) if shown.saved else ''}"
        f"{_stopping(shown, texts, token)}<h2>{escape(texts.table_heading)}</h2>{_paragraph(texts.lead)}"
        f'<form method="post" action="{_action(token)}">{hidden}'
        f"<table><thead><tr><td></td>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
        f"{_paragraph(texts.all_note)}{_paragraph(always) if always else ''}"
        f'<button type="submit" class="{_rank(shown)}">{escape(texts.save)}</button></form>',
    )


def gone(texts: Texts) -> str:
    """The page of an expired or invalid link."""
    return _document(texts, texts.gone_heading, _paragraph(texts.gone))


def masked(channel: Channel, person: Person) -> str | None:
    """Enough of the address for its owner to recognise it, but not for others with the link; None if there is none."""
    if channel is Channel.EMAIL and person.email:
        local, _, domain = person.email.rpartition("@")
        return f"{local[:1]}…@{domain}"
    if channel is Channel.SMS and person.phone:
        return f"{person.phone[:3]}…{person.phone[-2:]}"
    return None


def asks_to_stop(body: bytes) -> bool:
    """Whether the form was submitted with the unsubscribe button."""
    return STOP.encode() == body.strip()


def choice(body: bytes, linked: str | None) -> Choice:
    """Parse the form of a link for the category `linked`. Raises ValidationFailed."""
    try:
        fields = parse_qs(body.decode(), max_num_fields=FIELDS, strict_parsing=bool(body))
    except ValueError:
        raise ValidationFailed.of("body", "must be a form") from None
    named = {name: _ticked(fields, f"category.{name}.") for name in fields.get("category", [])}
    return Choice(_ticked(fields, ""), named, linked)


def _ticked(fields: Iterable[str], prefix: str) -> frozenset[str]:
    return frozenset(name for name in CHANNELS if f"{prefix}{name}" in fields)


def _of(switches: ChannelSwitches | None, texts: Texts) -> dict[str, bool]:
    return {name: getattr(switches, name, None) is not False for name in texts.channels}


def _facts(shown: Shown, texts: Texts) -> str:
    facts = [texts.of_sender.format(sender=shown.sender)]
    facts += [texts.for_address.format(address=shown.address)] if shown.address else []
    return _paragraph(" · ".join(facts))


def _stopping(shown: Shown, texts: Texts, token: str) -> str:
    """The unsubscribe button, or the confirmation."""
    title, channel = texts.title(shown.category or ""), texts.by_channel[shown.channel]
    if not getattr(shown.preferences, shown.channel):
        done = texts.off_channel_done.format(channel=channel)
    elif not shown.can_stop:
        return ""
    elif shown.category is not None and not _of(shown.preferences.categories.get(shown.category), texts)[shown.channel]:
        done = texts.off_done.format(title=title, channel=channel)
    else:
        text = texts.off_channel_button if shown.category is None else texts.off_button
        name, _, value = STOP.partition("=")
        return (
            f'<form method="post" action="{_action(token)}"><button type="submit" class="primary" name="{name}"'
            f' value="{value}">{escape(text.format(title=title, channel=channel))}</button></form>'
        )
    return f'<p class="done">{escape(done)} {escape(texts.off_again)}</p>'


def _rank(shown: Shown) -> str:
    """The style of the second button, since only one button is emphasised."""
    return "" if shown.can_stop else "primary"


def _action(token: str) -> str:
    return f"/preferences/{escape(token)}"


def _row(texts: Texts, title: str, prefix: str, on: Mapping[str, bool]) -> str:
    cells = "".join(
        f'<td><label><input type="checkbox" name="{escape(prefix + name)}" value="on"'
        f' aria-label="{escape(title)}: {escape(shown)}"{" checked" if on[name] else ""}></label></td>'
        for name, shown in texts.channels.items()
    )
    return f'<tr><th scope="row">{escape(title)}</th>{cells}</tr>'


def _paragraph(text: str, *, status: bool = False) -> str:
    role = ' role="status"' if status else ""
    return f"<p{role}>{escape(text)}</p>"


def _document(texts: Texts, heading: str, body: str) -> str:
    return (
        f'<!doctype html><html lang="{texts.language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark"><link rel="icon" href="data:,">'
        f"<title>{escape(heading)}</title><style>{_style()}</style></head>"
        f"<body><main><h1>{escape(heading)}</h1>{body}</main></body></html>"
    )
