"""What a mail says of how to get no more of its kind."""

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Protocol
from uuid import UUID

from angarium.contracts.statuses import Channel
from angarium.directory.preference_links import UNSUBSCRIBE_PATH, PreferenceLinks
from angarium.notifications.model import Claimed
from angarium.platform.telemetry.logging import Logger

_NONE: Mapping[str, str] = MappingProxyType({})
_ONE_CLICK: Mapping[str, str] = MappingProxyType({"List-Unsubscribe-Post": "List-Unsubscribe=One-Click"})


class _LinkSettings(Protocol):
    @property
    def public_url(self) -> str | None: ...
    @property
    def mandatory_categories(self) -> tuple[str, ...]: ...


def unsubscribing_of(settings: _LinkSettings, links: PreferenceLinks | None, logger: Logger) -> "Unsubscribing | None":
    """As the settings say; None: mails have no such header, since nobody would reach what it names.

    Warns of a public URL that one-click unsubscription cannot use.
    """
    if settings.public_url is None or links is None:
        return None
    if not _allows_one_click(settings.public_url):
        logger.warning("unsubscribe.no_one_click", reason="ANGARIUM_PUBLIC_URL is not https")
    return Unsubscribing(links, settings.public_url, settings.mandatory_categories)


class Unsubscribing:
    """Unsubscription by a link, for mails to stored users, but for mandatory categories.

    By one click (RFC 8058) where the link is an https one, as §3.1 asks for.
    """

    def __init__(self, links: PreferenceLinks, public_url: str, mandatory: Collection[str]) -> None:
        self._links = links
        self._base = public_url.rstrip("/") + UNSUBSCRIBE_PATH
        self._mandatory = frozenset(mandatory)
        self._one_click = _ONE_CLICK if _allows_one_click(public_url) else _NONE

    def headers(self, claimed: Claimed) -> Mapping[str, str]:
        """`List-Unsubscribe`, with `List-Unsubscribe-Post` for one click; or nothing."""
        stored = claimed.recipient is None and claimed.user_id is not None
        if claimed.channel is not Channel.EMAIL or not stored or claimed.category in self._mandatory:
            return _NONE
        token = self._links.token(claimed.tenant, UUID(claimed.user_id), claimed.channel, claimed.category)
        return {"List-Unsubscribe": f"<{self._base}/{token}>", **self._one_click}


def _allows_one_click(public_url: str) -> bool:
    return public_url.lower().startswith("https://")
