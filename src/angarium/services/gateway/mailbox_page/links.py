"""The links of a mail, for a list beside the frame, which opens none."""

import re
from collections.abc import Mapping
from html.parser import HTMLParser

from angarium.contracts.mailbox import MailboxMessage

_ADDRESS = re.compile(r"https?://[^\s<>\"')\]]+")
_MOST = 500


class _Anchors(HTMLParser):
    """Collects the addresses of anchors with the text in them."""

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
    """The http and https addresses in the HTML and the text of a mail, in order, each with its text in the HTML."""
    anchors = _Anchors()
    anchors.feed(message.html or "")
    anchors.close()
    for address in _ADDRESS.findall(message.text or ""):
        anchors.found.setdefault(address.rstrip(".,;:!?"), "")
    return {address: " ".join(text.split()) for address, text in list(anchors.found.items())[:_MOST]}


def _is_web(address: str) -> bool:
    return address.lower().startswith(("http://", "https://"))
