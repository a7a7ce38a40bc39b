"""Extracts the links of an email. The page lists them because links in its sandboxed frame do not open."""

import re
from collections.abc import Mapping
from html.parser import HTMLParser

from angarium.contracts.mailbox import MailboxMessage

_ADDRESS = re.compile(r"https?://[^\s<>\"')\]]+")
_MOST = 500


class _Anchors(HTMLParser):
    """Collects the URLs of anchors and their text."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: dict[str, str] = {}
        self._open: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            address = (dict(attrs).get("href") or "").strip()
            self._open = address if _is_web(address) else None
            if self._open is not None:
                self.found.setdefault(self._open, "")

    def handle_data(self, data: str) -> None:
        if self._open is not None:
            self.found[self._open] = f"{self.found[self._open]} {data}"

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self._open = None


def links_of(message: MailboxMessage) -> Mapping[str, str]:
    """The http and https URLs of an email, in order, each with its anchor text ("" for URLs in the plain text only)."""
    anchors = _Anchors()
    anchors.feed(message.html or "")
    anchors.close()
    for address in _ADDRESS.findall(message.text or ""):
        anchors.found.setdefault(address.rstrip(".,;:!?"), "")
    return {address: " ".join(text.split()) for address, text in list(anchors.found.items())[:_MOST]}


def _is_web(address: str) -> bool:
    return address.lower().startswith(("http://", "https://"))
