"""The results of rendering: the content of one message for one channel."""

import re
import unicodedata
from dataclasses import dataclass
from html import unescape
from typing import assert_never


@dataclass(frozen=True, slots=True)
class EmailContent:
    """A rendered mail: subject on one line, HTML and text parts (at least one)."""

    subject: str
    html: str | None
    text: str | None


@dataclass(frozen=True, slots=True)
class PushContent:
    """A rendered push."""

    title: str | None
    body: str
    image: str | None = None
    link: str | None = None


@dataclass(frozen=True, slots=True)
class SmsContent:
    """A rendered SMS."""

    text: str


@dataclass(frozen=True, slots=True)
class WebhookContent:
    """The content of a webhook: `json`, a complete JSON body, or `title` and `text` for the default body."""

    json: str | None = None
    title: str | None = None
    text: str | None = None


Content = EmailContent | PushContent | SmsContent | WebhookContent

_UNSEEN = (("<!--", "-->"), ("<head", "</head>"), ("<style", "</style>"), ("<script", "</script>"))
"""Start and end markers of invisible HTML."""
_PICTURE = re.compile(r"<(?:img|svg|picture|video|object|embed|hr)\b|\bbackground")
_TAG = re.compile(r"<[^<>]*>")
_INVISIBLE = frozenset(("Zs", "Zl", "Zp", "Cc", "Cf"))
"""Unicode categories of invisible characters."""


def is_blank(content: Content) -> bool:
    """Whether `content` has neither visible text nor an image."""
    match content:
        case SmsContent(text):
            return _blank(text)
        case PushContent(title, body):
            return _blank(title) and _blank(body)
        case EmailContent():
            return _blank(content.text) and _blank_html(content.html or "")
        case WebhookContent(json, title, text):
            return json is None and _blank(title) and _blank(text)
        case _:
            assert_never(content)


def _blank(text: str | None) -> bool:
    return text is None or all(unicodedata.category(character) in _INVISIBLE for character in text)


def _blank_html(html: str) -> bool:
    shown = html.lower()
    for begin, end in _UNSEEN:
        shown = _without(shown, begin, end)
    return not _PICTURE.search(shown) and _blank(unescape(_TAG.sub("", shown)))


def _without(text: str, begin: str, end: str) -> str:
    """Remove everything between `begin` and `end`. Linear, unlike a lazy pattern on hostile HTML."""
    kept, at = [], 0
    while (start := text.find(begin, at)) >= 0:
        kept.append(text[at:start])
        stop = text.find(end, start)
        at = len(text) if stop < 0 else stop + len(end)
    return "".join([*kept, text[at:]])
