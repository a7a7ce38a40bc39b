"""The preference page: one HTML document without scripts, foreign resources or personal data."""

import hashlib
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from html import escape
from urllib.parse import parse_qs

from angarium.contracts.errors import ValidationFailed
from angarium.contracts.users import ChannelSwitches, Preferences
from angarium.platform.http.pages.style import styled
from angarium.services.users.preferences.choice import Choice

CHANNELS: Mapping[str, str] = {"email": "Email", "push": "Push", "sms": "SMS", "webhook": "Webhook"}
FIELDS = 1000
"""Form fields that are read at most."""
_OWN_STYLE = """
main { max-width: 34rem; margin: clamp(0rem, 8vw, 4rem) auto; padding: 1.5rem clamp(1rem, 5vw, 2rem) 2rem; }
@media (min-width: 36rem) {
  main { background: var(--paper); border: 1px solid var(--line); border-radius: 14px; box-shadow: var(--shadow); }
}
h1 { margin: 0 0 .3rem; font-size: 1.6rem; }
p { margin: 0; color: var(--quiet); }
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
    """Of every answer. The page's address is a secret, so nothing of it may leak: no referrer, no cache, no index."""
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


def page(preferences: Preferences, categories: Sequence[str], *, token: str, saved: bool) -> str:
    """The form as things stand; it is sent to the page's own address."""
    shown = [_row("All messages", "", {name: getattr(preferences, name) for name in CHANNELS})]
    shown += [_row(name, f"category.{name}.", _of(preferences.categories.get(name))) for name in categories]
    hidden = "".join(f'<input type="hidden" name="category" value="{escape(name)}">' for name in categories)
    heads = "".join(f'<th scope="col">{name}</th>' for name in CHANNELS.values())
    note = '<p role="status">Saved.</p>' if saved else ""
    return _document(
        f"<p>Tick what you want to receive.</p>{note}"
        f'<form method="post" action="/preferences/{escape(token)}">{hidden}'
        f"<table><thead><tr><td></td>{heads}</tr></thead><tbody>{''.join(shown)}</tbody></table>"
        f'<button type="submit" class="primary">Save</button></form>'
    )


def gone() -> str:
    """The page of a link that is no longer good."""
    return _document("<p>This link is not valid, or not any more.</p>")


def choice(body: bytes, linked: str | None) -> Choice:
    """What the form was sent with, by a link for the category `linked`. Raises ValidationFailed."""
    try:
        fields = parse_qs(body.decode(), max_num_fields=FIELDS, strict_parsing=bool(body))
    except ValueError:
        raise ValidationFailed.of("body", "must be a form") from None
    named = {name: _ticked(fields, f"category.{name}.") for name in fields.get("category", [])}
    return Choice(_ticked(fields, ""), named, linked)


def _ticked(fields: Iterable[str], prefix: str) -> frozenset[str]:
    return frozenset(name for name in CHANNELS if f"{prefix}{name}" in fields)


def _of(switches: ChannelSwitches | None) -> dict[str, bool]:
    return {name: getattr(switches, name, None) is not False for name in CHANNELS}


def _row(title: str, prefix: str, on: Mapping[str, bool]) -> str:
    cells = "".join(
        f'<td><label><input type="checkbox" name="{escape(prefix + name)}" value="on"'
        f' aria-label="{escape(title)}: {shown}"{" checked" if on[name] else ""}></label></td>'
        for name, shown in CHANNELS.items()
    )
    return f'<tr><th scope="row">{escape(title)}</th>{cells}</tr>'


def _document(body: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark"><link rel="icon" href="data:,">'
        f"<title>Your preferences</title><style>{_style()}</style></head>"
        f"<body><main><h1>Your preferences</h1>{body}</main></body></html>"
    )
