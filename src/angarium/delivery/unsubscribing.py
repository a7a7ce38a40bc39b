"""What a mail says of how to get no more of its kind."""

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Protocol
from uuid import UUID

from angarium.contracts.statuses import Channel
from angarium.directory.preference_links import UNSUBSCRIBE_PATH, PreferenceLinks
from angarium.notifications.model import Claimed

_NONE: Mapping[str, str] = MappingProxyType({})


class _LinkSettings(Protocol):
    @property
    def public_url(self) -> str | None: ...
    @property
    def mandatory_categories(self) -> tuple[str, ...]: ...


def unsubscribing_of(settings: _LinkSettings, links: PreferenceLinks | None) -> "Unsubscribing | None":
    """As the settings say; None: mails have no such header, since nobody would reach what it names."""
    if settings.public_url is None or links is None:
        return None
    return Unsubscribing(links, settings.public_url, settings.mandatory_categories)


class Unsubscribing:
    """One-click unsubscription (RFC 8058 §3.1) for mails to stored users, but for mandatory categories."""

    def __init__(self, links: PreferenceLinks, public_url: str, mandatory: Collection[str]) -> None:
        self._links = links
        self._base = public_url.rstrip("/") + UNSUBSCRIBE_PATH
        self._mandatory = frozenset(mandatory)

    def headers(self, claimed: Claimed) -> Mapping[str, str]:
        """`List-Unsubscribe` and `List-Unsubscribe-Post`, or nothing."""
        stored = claimed.recipient is None and claimed.user_id is not None
        if claimed.channel is not Channel.EMAIL or not stored or claimed.category in self._mandatory:
            return _NONE
        token = self._links.token(claimed.tenant, UUID(claimed.user_id), claimed.channel, claimed.category)
        return {
            "List-Unsubscribe": f"<{self._base}/{token}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        }
