"""Unsubscription links and headers of mails."""

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any, Protocol
from uuid import UUID

from angarium.contracts.statuses import Channel
from angarium.contracts.templates import LINK_VARIABLES, CompiledTemplate
from angarium.directory.preference_links import PAGE_PATH, UNSUBSCRIBE_PATH, PreferenceLinks
from angarium.notifications.model import Claimed
from angarium.platform.caching import Lru
from angarium.platform.telemetry.logging import Logger

_TEMPLATES = 1000
_NONE: Mapping[str, str] = MappingProxyType({})
_ONE_CLICK: Mapping[str, str] = MappingProxyType({"List-Unsubscribe-Post": "List-Unsubscribe=One-Click"})


class _LinkSettings(Protocol):
    @property
    def public_url(self) -> str | None: ...
    @property
    def mandatory_categories(self) -> tuple[str, ...]: ...


def unsubscribing_of(
    settings: _LinkSettings, links: PreferenceLinks | None, logger: Logger, *, local_url: str | None = None
) -> "Unsubscribing | None":
    """Build it from the settings; None: mails have no such header, since there is no URL that recipients can reach.

    `local_url` is used without a public URL: where a browser on this machine reaches the gateway, in development. Logs
    a warning for a public URL that does not support one-click unsubscription.
    """
    url = settings.public_url or local_url
    if url is None or links is None:
        return None
    if settings.public_url is not None and not _allows_one_click(settings.public_url):
        logger.warning("unsubscribe.no_one_click", reason="ANGARIUM_PUBLIC_URL is not https")
    return Unsubscribing(links, url, settings.mandatory_categories)


class Unsubscribing:
    """Unsubscription links for mails to stored users, except for mandatory categories.

    One-click unsubscription (RFC 8058) requires an https link (§3.1).
    """

    def __init__(self, links: PreferenceLinks, public_url: str, mandatory: Collection[str]) -> None:
        self._links = links
        self._base = public_url.rstrip("/")
        self._using: Lru[tuple[UUID, int], bool] = Lru(_TEMPLATES)
        self._mandatory = frozenset(mandatory)
        self._one_click = _ONE_CLICK if _allows_one_click(public_url) else _NONE

    def headers(self, claimed: Claimed) -> Mapping[str, str]:
        """`List-Unsubscribe`, with `List-Unsubscribe-Post` for one-click; or empty."""
        user_id = _reader_of(claimed)
        if user_id is None or claimed.category in self._mandatory:
            return _NONE
        return {
            "List-Unsubscribe": f"<{self._base}{UNSUBSCRIBE_PATH}/{self._token(claimed, user_id)}>",
            **self._one_click,
        }

    def variables(self, claimed: Claimed, template: CompiledTemplate) -> Mapping[str, Any]:
        """The notification's variables, with those LINK_VARIABLES that the template uses and the request lacks."""
        user_id = _reader_of(claimed)
        if user_id is None or not self._uses_links(template):
            return claimed.variables
        token = self._token(claimed, user_id)
        unsubscribe = "" if claimed.category in self._mandatory else f"{self._base}{UNSUBSCRIBE_PATH}/{token}"
        links = dict(zip(LINK_VARIABLES, (unsubscribe, f"{self._base}{PAGE_PATH}/{token}"), strict=True))
        return {**links, **claimed.variables}

    def _token(self, claimed: Claimed, user_id: str) -> str:
        return self._links.token(claimed.tenant, user_id, claimed.channel, claimed.category)

    def _uses_links(self, template: CompiledTemplate) -> bool:
        key = (template.template_id, template.version)
        found = self._using.get(key)
        if found is None:
            sources = [source for parts in template.locales.values() for source in (parts.email or {}).values()]
            found = any(name in source for name in LINK_VARIABLES for source in sources)
            self._using.put(key, found)
        return found


def _reader_of(claimed: Claimed) -> str | None:
    """The id of the stored user who receives the mail; None if it is not a mail or the recipient is not stored."""
    if claimed.channel is not Channel.EMAIL or claimed.recipient is not None or claimed.user_id is None:
        return None
    return claimed.user_id


def _allows_one_click(public_url: str) -> bool:
    return public_url.lower().startswith("https://")
