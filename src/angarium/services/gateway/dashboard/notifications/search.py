"""Parses the search box: words separated by spaces, into a filter."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TypeVar
from uuid import UUID

from angarium.contracts.errors import ValidationFailed
from angarium.contracts.fields import EARLIEST, LATEST
from angarium.contracts.statuses import Channel, Status
from angarium.notifications.store.read.notifications import NotificationFilter

MemberT = TypeVar("MemberT", Status, Channel)
LONGEST = 500
_MOST_METADATA = 5
_NAMES = ("user", "request", "template", "address")


@dataclass(frozen=True, slots=True)
class Search:
    """A parsed search. `address` is matched against the addresses in calls; `id` is a notification's or a user's."""

    wanted: NotificationFilter = field(default_factory=NotificationFilter)
    address: str | None = None
    id: UUID | None = None


def search_of(parameters: Mapping[str, str]) -> Search:
    """Parse the query parameters `q`, `status`, `channel`, `from` and `to`. Raises ValidationFailed."""
    search = _words(parameters.get("q", ""))
    wanted = replace(
        search.wanted,
        status=_member(Status, "status", parameters),
        notification_type=_member(Channel, "channel", parameters),
        from_=moment_of("from", parameters),
        to=moment_of("to", parameters),
    )
    return replace(search, wanted=wanted)


def moment_of(name: str, parameters: Mapping[str, str]) -> datetime | None:
    """Parse a time from a `datetime-local` field or RFC 3339. Without an offset it is UTC. Raises ValidationFailed."""
    text = parameters.get(name)
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValidationFailed.of(name, "must be a time, such as 2026-11-20T09:00") from None
    if not EARLIEST <= moment <= LATEST:
        raise ValidationFailed.of(name, "must be between 2000 and 2200")
    return moment


def _words(text: str) -> Search:
    if len(text) > LONGEST or "\0" in text:
        raise ValidationFailed.of("q", f"must have at most {LONGEST} characters")
    try:
        words = shlex.split(text)
    except ValueError:
        words = text.split()
    search = Search()
    for word in words:
        search = _with(search, word)
    return search


def _with(search: Search, word: str) -> Search:
    name, colon, value = word.partition(":")
    if colon and value and name in _NAMES:
        return _named(search, name, value)
    if (found := _uuid(word)) is not None:
        return replace(search, id=found)
    if "@" in word or word.startswith(("+", "https://", "http://")):
        return _named(search, "address", word)
    name, equals, value = word.partition("=")
    if equals and name:
        metadata = (*search.wanted.metadata, (name, value))
        if len(metadata) > _MOST_METADATA:
            raise ValidationFailed.of("q", f"must have at most {_MOST_METADATA} metadata filters")
        return replace(search, wanted=replace(search.wanted, metadata=metadata))
    return _named(search, "request", word)


def _named(search: Search, name: str, value: str) -> Search:
    match name:
        case "user":
            return replace(search, wanted=replace(search.wanted, user_id=value))
        case "template":
            return replace(search, wanted=replace(search.wanted, template_code=value))
        case "request":
            return replace(search, wanted=replace(search.wanted, request_id=value))
        case _:
            return replace(search, address=value)


def _uuid(word: str) -> UUID | None:
    try:
        return UUID(word)
    except ValueError:
        return None


def _member(kind: type[MemberT], name: str, parameters: Mapping[str, str]) -> MemberT | None:
    value = parameters.get(name)
    if not value:
        return None
    try:
        return kind(value)
    except ValueError:
        raise ValidationFailed.of(name, f"is not a {name}") from None
