"""The preference page: one HTML document without scripts, foreign resources or personal data."""

import hashlib
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from urllib.parse import parse_qs

from angarium.contracts.errors import ValidationFailed
from angarium.contracts.users import ChannelSwitches, Preferences
from angarium.services.users.preferences import Choice

CHANNELS: Mapping[str, str] = {"email": "Email", "push": "Push", "sms": "SMS"}
FIELDS = 1000
"""Form fields that are read at most."""
_STYLE = """
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif }
body { max-width: 34rem; margin: 3rem auto; padding: 0 1rem }
table { border-collapse: collapse; width: 100%; margin: 1.5rem 0 }
th, td { padding: .6rem .4rem; text-align: center; border-bottom: 1px solid #8886 }
th:first-child { text-align: left; font-weight: 500 }
input { width: 1.2rem; height: 1.2rem }
button { font: inherit; padding: .6rem 1.4rem }
"""
_STYLE_HASH = b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
HEADERS: Mapping[str, str] = {
    "content-security-policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-robots-tag": "noindex",
}
"""The address of the page is a secret, so nothing of it may leak: no referrer, no cache, no index."""


def page(preferences: Preferences, categories: Sequence[str], *, token: str, saved: bool) -> str:
    """The form as things stand; it is sent to the page's own address."""
    shown = [_row("All messages", "", {name: getattr(preferences, name) for name in CHANNELS})]
    shown += [_row(name, f"category.{name}.", _of(preferences.categories.get(name))) for name in categories]
    hidden = "".join(f'<input type="hidden" name="category" value="{escape(name)}">' for name in categories)
    heads = "".join(f'<th scope="col">{name}</th>' for name in CHANNELS.values())
    note = '<p role="status">Saved.</p>' if saved else ""
    return _document(
        f"{note}<p>Tick what you want to receive.</p>"
        f'<form method="post" action="/preferences/{escape(token)}">{hidden}'
        f'<table><thead><tr><th scope="col"></th>{heads}</tr></thead><tbody>{"".join(shown)}</tbody></table>'
        f'<button type="submit">Save</button></form>'
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
        f'<td><input type="checkbox" name="{escape(prefix + name)}" value="on"'
        f' aria-label="{escape(title)}: {shown}"{" checked" if on[name] else ""}></td>'
        for name, shown in CHANNELS.items()
    )
    return f'<tr><th scope="row">{escape(title)}</th>{cells}</tr>'


def _document(body: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Your preferences</title><style>{_STYLE}</style></head>"
        f"<body><main><h1>Your preferences</h1>{body}</main></body></html>"
    )
